import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../src/core/model/errors.ts';
import { appendHistory, readHistory } from '../../../src/core/store/history.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import {
  beginJournal,
  finishJournal,
  readJournal,
  readLastJournal,
  saveJournal,
  takeOverJournal,
  type Journal,
} from '../../../src/core/store/journal.ts';
import { acquireLock } from '../../../src/core/store/locks.ts';
import { completeTask, listTasks, readTask, submitTask, updateTask } from '../../../src/core/store/tasks.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

let now = 1_000_000;

async function withTree() {
  const server = new FakeZookeeper(() => now);
  const store = server.connect();
  await initTree(store);
  return { server, store };
}

const journal: Journal = {
  program: 1,
  id: 'p1',
  kind: 'failover',
  group: 'g1',
  by: 'c1',
  entries: [],
  inputs: { x: 1 },
};
const record = { id: 'p1', kind: 'failover', at: 1 };
const lockLost = (error: unknown): boolean => hasCode(error, 'LOCK_LOST');

async function running(store: Parameters<typeof readJournal>[0]) {
  const state = await readJournal(store, 'g1');
  assert.ok(state?.kind === 'running');
  return state;
}

test('a journal is begun, saved, finished; the next one goes on with the version', async () => {
  const { store } = await withTree();
  assert.equal(await readJournal(store, 'g1'), undefined);
  assert.equal(await beginJournal(store, journal), 0);
  assert.equal(await beginJournal(store, journal), 0, 'repeated after a lost answer');
  await assert.rejects(beginJournal(store, { ...journal, id: 'p2' }), (error) =>
    hasCode(error, 'ZNODE_CONFLICT'),
  );
  const next = { ...journal, entries: [{ step: 'fence' }] };
  assert.equal(await saveJournal(store, next, 0), 1);
  assert.equal(await saveJournal(store, next, 0), 1, 'repeated after a lost answer');
  assert.deepEqual(await readJournal(store, 'g1'), { kind: 'running', journal: next, version: 1 });
  await finishJournal(store, next, 1, record);
  await finishJournal(store, next, 1, record);
  assert.equal(await readJournal(store, 'g1'), undefined);
  assert.deepEqual(await readLastJournal(store, 'g1'), next);
  assert.deepEqual(await readHistory(store, 'g1'), [record]);
  assert.equal(await beginJournal(store, { ...journal, id: 'p2' }), 3);
});

test('who takes a plan over stops its former owner at the next save', async () => {
  const { server, store } = await withTree();
  const other = server.connect();
  await beginJournal(store, journal);
  const seen = await running(other);
  const taken = await takeOverJournal(other, seen, 'c2');
  assert.equal(taken.journal.by, 'c2');
  await assert.rejects(saveJournal(store, { ...journal, entries: [1] }, 0), lockLost);
  await assert.rejects(finishJournal(store, journal, 0, record), lockLost);
  await assert.rejects(takeOverJournal(store, seen, 'c3'), lockLost);
  assert.equal(await saveJournal(other, { ...taken.journal, entries: [1] }, taken.version), 2);
});

test('a crash at any write of finish leaves what the next finish completes', async () => {
  for (let crashAt = 1; ; crashAt += 1) {
    const { server, store } = await withTree();
    await beginJournal(store, journal);
    let writes = 0;
    const doomed = server.connect();
    doomed.after = ({ op }) => {
      if (op !== 'create' && op !== 'write' && op !== 'remove') return;
      writes += 1;
      if (writes === crashAt) throw new Error('crash');
    };
    const crashed = await finishJournal(doomed, journal, 0, record).then(
      () => false,
      () => true,
    );
    await finishJournal(store, journal, 0, record);
    assert.equal(await readJournal(store, 'g1'), undefined);
    assert.equal((await readLastJournal(store, 'g1'))?.id, 'p1');
    assert.equal((await readHistory(store, 'g1')).length, 1, `crash at write ${crashAt}`);
    if (!crashed) break;
  }
});

test('a journal of another program is told, and garbage is malformed', async () => {
  const { server, store } = await withTree();
  server.put('/journal/g1', '{"program": 7, "what": "ever"}');
  assert.deepEqual(await readJournal(store, 'g1'), { kind: 'unknown-program', program: 7, version: 0 });
  await assert.rejects(beginJournal(store, journal), (error) => hasCode(error, 'ZNODE_CONFLICT'));
  for (const content of ['{"program": 1', 'garbage', '{"program": 1, "id": "x"}', '{"id": "x"}']) {
    server.put('/journal/g1', content);
    await assert.rejects(readJournal(store, 'g1'), (error) => hasCode(error, 'ZNODE_MALFORMED'), content);
  }
});

test('the newest 200 records are kept, newest first, none twice', async () => {
  const { server, store } = await withTree();
  const other = server.connect();
  for (let n = 0; n < 205; n += 1) await appendHistory(store, 'g1', { id: `d${n}`, kind: 'refused', at: n });
  await appendHistory(store, 'g1', { id: 'd204', kind: 'refused', at: 204 });
  await Promise.all([
    appendHistory(store, 'g1', { id: 'x', kind: 'k', at: 1 }),
    appendHistory(other, 'g1', { id: 'y', kind: 'k', at: 1 }),
  ]);
  const records = await readHistory(store, 'g1');
  assert.equal(records.length, 200);
  assert.deepEqual(
    records
      .slice(0, 2)
      .map(({ id }) => id)
      .sort(),
    ['x', 'y'],
  );
  assert.equal((await readHistory(store, 'g1', 3)).at(-1)?.id, 'd204');
});

test('tasks are queued in order, changed under their version, and end', async () => {
  const { server, store } = await withTree();
  const first = await submitTask(store, { kind: 'add', group: 'g1', by: 'ann', at: 1 });
  const second = await submitTask(store, {
    kind: 'white',
    group: 'g2',
    host: 'h',
    reroute: true,
    force: false,
    by: 'ann',
    at: 2,
  });
  const down = await submitTask(store, { kind: 'down', group: 'g3', by: 'c1', at: 3 });
  assert.equal(await submitTask(store, { kind: 'down', group: 'g3', by: 'c2', at: 4 }), down);
  assert.deepEqual(
    (await listTasks(store)).map(({ name }) => name),
    ['g3', first, second],
  );
  assert.match(server.dump()[`/task/${second}`] ?? '', /"reroute":1/);
  const entry = await readTask(store, second);
  assert.ok(entry?.kind === 'task' && entry.task.kind === 'white' && entry.task.reroute);
  const started = await updateTask(store, entry, { state: 'running' });
  await assert.rejects(updateTask(store, entry, { state: 'failed' }), (error) =>
    hasCode(error, 'ZNODE_CONFLICT'),
  );
  await updateTask(store, started, { state: 'blocked', message: 'wait' });
  await completeTask(store, second, { state: 'done' });
  await completeTask(store, down, { state: 'done' });
  await completeTask(store, 'task0000000099', { state: 'done' });
  const left = await listTasks(store);
  assert.deepEqual(
    left.map((one) => [one.name, one.kind === 'task' ? one.task.state : '']),
    [
      [first, 'queued'],
      [second, 'done'],
    ],
  );
});

test('finished tasks are pruned, waiting ones never', async () => {
  const { store } = await withTree();
  const waiting = await submitTask(store, { kind: 'add', group: 'w', by: '', at: 0 });
  for (let n = 0; n < 53; n += 1) {
    await completeTask(store, await submitTask(store, { kind: 'add', group: 'g', by: '', at: n }), {
      state: 'done',
    });
  }
  const names = (await listTasks(store)).map(({ name }) => name);
  assert.equal(names.length, 51);
  assert.equal(names[0], waiting);
});

test('a malformed task is listed as such and stops no other', async () => {
  const { server, store } = await withTree();
  server.put('/task/task0000000000', '{"kind": "explode"}');
  server.put('/task/g9', '');
  await submitTask(store, { kind: 'failover', group: 'g1', by: '', at: 0 });
  const [old, bad] = await listTasks(store);
  assert.ok(old?.kind === 'task' && old.task.kind === 'down' && old.task.group === 'g9');
  assert.ok(bad?.kind === 'malformed' && bad.error.message.includes('/task/task0000000000'));
  await completeTask(store, 'task0000000000', { state: 'failed' });
  assert.equal((await listTasks(store)).length, 2);
});

test('a lock has one holder until it is released or the session ends', async () => {
  const { server, store } = await withTree();
  const other = server.connect();
  const lock = await acquireLock(store, 'g1', { by: 'c1', now });
  assert.ok(await lock?.isHeld());
  assert.equal(await acquireLock(other, 'g1', { by: 'c2', now }), undefined);
  await lock?.release();
  const second = await acquireLock(other, 'g1', { by: 'c2', now });
  assert.ok(second);
  await lock?.release();
  assert.equal(await second.isHeld(), true, 'a released lock releases nobody else');
  other.expire();
  assert.equal(await second.isHeld(), false);
  assert.ok(await acquireLock(store, 'g1', { by: 'c1', now }));
});

test('whoever waits for a lock, and a journal that is begun again, makes the ensemble write nothing in vain', async () => {
  const { server, store } = await withTree();
  await acquireLock(store, 'g1', { by: 'c1', now });
  await beginJournal(store, journal);
  await finishJournal(store, journal, 0, record);
  const other = server.connect();
  const written: string[] = [];
  other.after = ({ op, path }) => {
    if (op !== 'read' && op !== 'children') written.push(`${op} ${path}`);
  };
  assert.equal(await acquireLock(other, 'g1', { by: 'c2', now }), undefined);
  assert.deepEqual(written, []);
  await beginJournal(other, { ...journal, id: 'p2' });
  assert.deepEqual(written, ['write /journal/g1']);
});

const leftBehind: readonly [string, string, number, boolean][] = [
  ['an old empty lock is cleared', '', 61_000, true],
  ['an old lock with a literal is cleared', "{'host': 'x'}", 61_000, true],
  ['a young one may be at work', '', 59_000, false],
  ['one with other words was put there on purpose', 'hands off', 61_000, false],
];
for (const [name, content, age, cleared] of leftBehind) {
  test(`a persistent lock: ${name}`, async () => {
    const { server, store } = await withTree();
    server.put('/lock/g1', content);
    now += age;
    assert.equal((await acquireLock(store, 'g1', { by: 'c1', now })) !== undefined, cleared);
  });
}

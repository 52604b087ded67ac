import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { after, before, test } from 'node:test';
import { ensureBuilt } from '../support/built.ts';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const UP_MS = 20_000;
// The figure is for a machine with nothing else to do: others that run on it get their share of the time.
const crowd = Math.max(1, (2 * (loadavg()[0] ?? 0)) / availableParallelism());
const MEMORY_MB = 2500;

let sandbox: TestSandbox;
let upMs = 0;

before(async () => {
  await ensureBuilt();
  const began = performance.now();
  sandbox = await startSandbox({ hosts: 3 });
  upMs = performance.now() - began;
});
after(() => sandbox[Symbol.asyncDispose]());

const running = async () =>
  (await sandbox.status()).processes.filter(({ state }) => state === 'running').map(({ id }) => id);

test('a sandbox of three hosts is up with all its roles, soon and small', async () => {
  const { processes, groups, memoryMb } = await sandbox.status();
  const count = (kind: string) =>
    processes.filter((process) => process.kind === kind && process.pid !== null).length;
  const kinds = ['zookeeper', 'mysqld', 'agent', 'coordinator', 'router', 'haproxy'];
  assert.deepEqual(kinds.map(count), [1, 3, 3, 2, 1, 1]);
  assert.equal(groups[0]?.primary, await sandbox.primary());
  process.stderr.write(`up in ${(upMs / 1000).toFixed(1)} s, ${memoryMb} MB\n`);
  assert.ok(upMs < UP_MS * crowd, `${upMs} ms`);
  assert.ok(memoryMb < MEMORY_MB, `${memoryMb} MB`);
});

test('the application writes and reads through HAProxy, replicas have what it wrote', async () => {
  const write = sandbox.listener('write');
  await sandbox.query(
    write,
    ['CREATE TABLE app.seen (a INT PRIMARY KEY)', 'INSERT INTO app.seen VALUES (42)'],
    'app',
  );
  const replicas = sandbox.group().members.filter((member) => member !== sandbox.state.groups[0]?.members[0]);
  for (const at of [...replicas, sandbox.listener('read')]) {
    await eventually(
      async () => (await sandbox.query(at, 'SELECT a FROM app.seen', 'app'))[0]?.['a'] === 42,
      {
        timeoutMs: 5000,
      },
    );
  }
});

for (const what of ['agent', 'coordinator', 'router'] as const) {
  test(`a killed ${what} is gone and start brings it back`, async () => {
    const victim = sandbox.state.processes.find(({ kind }) => kind === what)!;
    assert.deepEqual(await sandbox.kill(what, victim.host), [victim.id]);
    assert.ok(!(await running()).includes(victim.id));
    assert.deepEqual(await sandbox.start(what, victim.host), [victim.id]);
    await eventually(async () => (await running()).includes(victim.id), { timeoutMs: 5000 });
  });
}

test('killing a host kills its mysqld and its agent, and start brings both back to the group', async () => {
  const primary = await sandbox.untilPrimary();
  const replica = sandbox.group().members.find((member) => member !== primary)!;
  const host = hostOf(replica);
  const killed = await sandbox.kill('host', replica);
  assert.deepEqual([...killed].sort(), [`agent-${host}`, `mysqld-${host}`]);
  await sandbox.start('host', replica);
  await eventually(
    async () => {
      const [channel] = await sandbox.query(replica, 'SHOW REPLICA STATUS');
      assert.equal(channel?.['Replica_IO_Running'], 'Yes');
      assert.equal(channel['Replica_SQL_Running'], 'Yes');
    },
    { timeoutMs: 20_000 },
  );
});

test('operator commands are run against the sandbox, their status is a value', async () => {
  const status = await sandbox.dcmha('status', '--json');
  assert.equal(status.status, 0, status.stderr);
  assert.equal((await sandbox.dcmha('status', '--group', 'nosuch')).status, 64);
});

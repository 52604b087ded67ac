import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { hasCode, type ErrorCode } from '../../src/core/model/errors.ts';
import { initTree } from '../../src/core/store/init-tree.ts';
import type { Coordination } from '../../src/ports/coordination.ts';
import { eventually } from '../support/eventually.ts';

export type Client = Coordination & AsyncDisposable;

/** Where the suite runs: clients of one ensemble, and how to do them harm. */
export interface CoordinationBench {
  connect(): Promise<Client>;
  /** One that {@link expire} can be done to. */
  connectVictim(): Promise<Client>;
  /** The ensemble ends this client's session; the client goes on with a new one by itself. */
  expire(client: Client): Promise<void>;
  /** The ensemble goes away and comes back with its data; `meanwhile` runs in between. */
  outage(meanwhile: () => Promise<void>): Promise<void>;
}

const timeoutMs = 15_000;

export function throwsCode(...codes: readonly ErrorCode[]) {
  return (error: unknown): boolean => {
    assert.ok(hasCode(error, ...codes), String(error));
    return true;
  };
}

async function text(store: Coordination, path: string): Promise<string | undefined> {
  return (await store.read(path))?.data.toString('utf8');
}

function counter() {
  const counted = { wakes: 0, wake: () => void (counted.wakes += 1), stop: new AbortController() };
  return counted;
}

/** What every implementation of {@link Coordination} does; `name` tells which one. Each test works below a path of its own. */
export function coordinationSuite(name: string, bench: () => CoordinationBench): void {
  let roots = 0;
  const opened: Client[] = [];

  async function open(): Promise<Client> {
    const client = await bench().connect();
    opened.push(client);
    return client;
  }

  afterEach(async () => {
    for (const client of opened.splice(0)) await client[Symbol.asyncDispose]();
  });

  async function fresh() {
    const store = await open();
    await initTree(store);
    roots += 1;
    const root = `/task/${name}${roots}`;
    await store.create(root, '');
    return { store, root };
  }

  test(`${name}: a node is made, read, written under its version, removed`, async () => {
    const { store, root } = await fresh();
    const path = `${root}/a`;
    assert.equal(await store.read(path), undefined);
    assert.equal(await store.create(path, 'é1'), path);
    await assert.rejects(store.create(path, 'x'), throwsCode('ZNODE_EXISTS'));
    const node = await store.read(path);
    assert.deepEqual([node?.data.toString('utf8'), node?.version, node?.owner], ['é1', 0, undefined]);
    assert.ok((node?.modifiedAt ?? 0) > Date.now() - 60_000);
    assert.equal(await store.write(path, '2', 0), 1);
    assert.equal(await store.write(path, '3'), 2);
    await assert.rejects(store.write(path, 'x', 1), throwsCode('ZNODE_CONFLICT'));
    await assert.rejects(store.remove(path, 1), throwsCode('ZNODE_CONFLICT'));
    await store.sync(path);
    assert.equal(await text(store, path), '3');
    assert.equal(await store.remove(path, 2), true);
    assert.equal(await store.remove(path), false);
    await assert.rejects(store.write(path, 'x'), throwsCode('ZNODE_MISSING'));
  });

  test(`${name}: parents must exist, and cannot be removed under their children`, async () => {
    const { store, root } = await fresh();
    await assert.rejects(store.create(`${root}/no/child`, ''), throwsCode('ZNODE_MISSING'));
    await store.create(`${root}/b`, '');
    await store.create(`${root}/a`, '');
    assert.deepEqual(await store.children(root), ['a', 'b']);
    assert.deepEqual(await store.children(`${root}/missing`), []);
    await assert.rejects(store.remove(root), throwsCode('ZNODE_CONFLICT'));
    await store.create(`${root}/e`, '', 'ephemeral');
    await assert.rejects(store.create(`${root}/e/child`, ''), throwsCode('ZNODE_MISSING'));
  });

  test(`${name}: sequential names grow`, async () => {
    const { store, root } = await fresh();
    const names = [];
    for (const data of ['1', '2', '3']) names.push(await store.create(`${root}/n`, data, 'sequential'));
    assert.deepEqual([...names].sort(), names);
    assert.match(names[0] ?? '', /\/n\d{10}$/);
    assert.equal(await text(store, names[2] ?? ''), '3');
  });

  test(`${name}: an empty node is read as empty, one of 900 KB whole, one over 1 MB is refused`, async () => {
    const { store, root } = await fresh();
    await store.create(`${root}/empty`, '');
    assert.equal((await store.read(`${root}/empty`))?.data.length, 0);
    await store.create(`${root}/big`, 'x'.repeat(900_000));
    assert.equal((await store.read(`${root}/big`))?.data.length, 900_000);
    await assert.rejects(store.write(`${root}/big`, 'x'.repeat(1_100_000)), throwsCode('ZNODE_TOO_LARGE'));
    assert.equal(store.state(), 'connected');
  });

  test(`${name}: an ephemeral node names its session and ends with it`, async () => {
    const { store, root } = await fresh();
    const other = await open();
    await other.create(`${root}/e`, 'x', 'ephemeral');
    const node = await store.read(`${root}/e`);
    assert.equal(node?.owner, other.sessionId());
    assert.notEqual(node?.owner, store.sessionId());
    await other[Symbol.asyncDispose]();
    await eventually(async () => (await store.read(`${root}/e`)) === undefined, { timeoutMs: 1000 });
    assert.equal(other.state(), 'closed');
    await assert.rejects(other.read(root), throwsCode('SESSION_LOST'));
  });

  test(`${name}: a watcher of data is woken by each creation, change and removal until it stops`, async () => {
    const { store, root } = await fresh();
    const other = await open();
    const watched = counter();
    store.watchData(`${root}/w`, watched.wake, watched.stop.signal);
    await store.sync(root);
    const changes = [
      () => other.create(`${root}/w`, '1'),
      () => other.write(`${root}/w`, '2'),
      () => other.write(`${root}/w`, '3'),
      () => other.remove(`${root}/w`),
      () => other.create(`${root}/w`, '4'),
    ];
    for (const change of changes) {
      const before = watched.wakes;
      await change();
      await eventually(() => watched.wakes > before, { timeoutMs });
      // A change that comes before this is seen by the read and need not be told again.
      await store.read(`${root}/w`);
    }
    watched.stop.abort();
    const after = watched.wakes;
    await other.write(`${root}/w`, '5');
    await store.sync(root);
    await store.read(root);
    assert.equal(watched.wakes, after);
  });

  test(`${name}: a watcher of children is woken also for a parent that comes and goes`, async () => {
    const { store, root } = await fresh();
    const watched = counter();
    store.watchChildren(`${root}/p`, watched.wake, watched.stop.signal);
    await store.sync(root);
    let seen: readonly string[] = [];
    const steps: readonly [() => Promise<unknown>, readonly string[]][] = [
      [() => store.create(`${root}/p`, ''), []],
      [() => store.create(`${root}/p/a`, ''), ['a']],
      [() => store.create(`${root}/p/b`, ''), ['a', 'b']],
      [() => store.remove(`${root}/p/a`), ['b']],
      [async () => (await store.remove(`${root}/p/b`)) && store.remove(`${root}/p`), []],
      [async () => (await store.create(`${root}/p`, '')) && store.create(`${root}/p/c`, ''), ['c']],
    ];
    for (const [step, expected] of steps) {
      const before = watched.wakes;
      await step();
      await eventually(
        async () => {
          assert.ok(watched.wakes > before);
          seen = await store.children(`${root}/p`);
          assert.deepEqual(seen, expected);
        },
        { timeoutMs },
      );
    }
    watched.stop.abort();
  });

  test(`${name}: whoever reads at each wake ends with the last of many quick changes`, async () => {
    const { store, root } = await fresh();
    const other = await open();
    await store.create(`${root}/q`, '0');
    let last: string | undefined;
    const stop = new AbortController();
    store.watchData(
      `${root}/q`,
      () => void text(store, `${root}/q`).then((value) => (last = value)),
      stop.signal,
    );
    await store.sync(root);
    await Promise.all(Array.from({ length: 200 }, (__, n) => other.write(`${root}/q`, String(n + 1))));
    await eventually(() => assert.equal(last, '200'), { timeoutMs });
    stop.abort();
  });

  test(`${name}: a presence stands, tells news, comes back when it is removed, and goes when it is withdrawn`, async () => {
    const { store, root } = await fresh();
    const other = await open();
    const path = `${root}/new/presence`;
    const presence = other.present(path, 'one');
    await eventually(async () => assert.equal(await text(store, path), 'one'), { timeoutMs });
    assert.equal((await store.read(path))?.owner, other.sessionId());
    await presence.update('two');
    assert.equal(await text(store, path), 'two');
    await store.remove(path);
    await eventually(async () => assert.equal(await text(store, path), 'two'), { timeoutMs });
    await presence.withdraw();
    assert.equal(await store.read(path), undefined);
    await presence.update('three');
    assert.equal(await store.read(path), undefined);
  });

  test(`${name}: a presence waits for the one of another session, and takes its place`, async () => {
    const { store, root } = await fresh();
    const [first, second] = [await open(), await open()];
    first.present(`${root}/p`, 'first');
    await eventually(async () => assert.equal(await text(store, `${root}/p`), 'first'), { timeoutMs });
    second.present(`${root}/p`, 'second');
    await second.sync(root);
    assert.equal(await text(store, `${root}/p`), 'first');
    await first[Symbol.asyncDispose]();
    await eventually(async () => assert.equal(await text(store, `${root}/p`), 'second'), { timeoutMs });
    await second[Symbol.asyncDispose]();
    await eventually(async () => (await store.read(`${root}/p`)) === undefined, { timeoutMs: 1000 });
  });

  test(`${name}: after an expiry there is a new session, presences stand again and every watcher is woken`, async () => {
    const { store, root } = await fresh();
    const victim = await bench().connectVictim();
    opened.push(victim);
    await store.create(`${root}/d`, '');
    const states: string[] = [];
    const watched = counter();
    victim.watchData(`${root}/d`, watched.wake, watched.stop.signal);
    victim.watchChildren(root, watched.wake, watched.stop.signal);
    victim.onState((state) => states.push(state), watched.stop.signal);
    victim.present(`${root}/p`, 'here');
    await eventually(async () => assert.equal(await text(store, `${root}/p`), 'here'), { timeoutMs });
    const old = victim.sessionId();
    await victim.sync(root);
    const before = watched.wakes;
    await bench().expire(victim);
    await eventually(() => victim.state() === 'connected' && victim.sessionId() !== old, { timeoutMs });
    await eventually(async () => assert.equal((await store.read(`${root}/p`))?.owner, victim.sessionId()), {
      timeoutMs,
    });
    await eventually(() => watched.wakes >= before + 2, { timeoutMs });
    assert.deepEqual(states.slice(0, 2), ['connecting', 'connected']);
    // The watches of the new session work.
    const after = watched.wakes;
    await store.write(`${root}/d`, '2');
    await eventually(() => watched.wakes > after, { timeoutMs });
    watched.stop.abort();
  });

  test(`${name}: an outage fails calls in time, and afterwards watches and presences are there, nothing missed`, async () => {
    const { store, root } = await fresh();
    await store.create(`${root}/d`, '1');
    const watched = counter();
    store.watchData(`${root}/d`, watched.wake, watched.stop.signal);
    store.watchChildren(`${root}/later`, watched.wake, watched.stop.signal);
    const presence = store.present(`${root}/p`, 'before');
    await eventually(async () => assert.equal(await text(store, `${root}/p`), 'before'), { timeoutMs });
    await bench().outage(async () => {
      const started = performance.now();
      await assert.rejects(store.read(`${root}/d`), throwsCode('SESSION_LOST'));
      await assert.rejects(store.write(`${root}/d`, 'x'), throwsCode('SESSION_LOST'));
      await presence.update('after');
      const tookMs = performance.now() - started;
      assert.ok(tookMs < 3 * store.sessionTimeoutMs(), `${tookMs} ms`);
      await eventually(() => store.state() === 'connecting', { timeoutMs });
    });
    await eventually(() => store.state() === 'connected', { timeoutMs });
    await eventually(async () => assert.equal(await text(store, `${root}/p`), 'after'), { timeoutMs });
    await eventually(() => watched.wakes >= 2, { timeoutMs });
    const woken = watched.wakes;
    await store.write(`${root}/d`, '2');
    await eventually(() => watched.wakes > woken, { timeoutMs });
    watched.stop.abort();
  });
}

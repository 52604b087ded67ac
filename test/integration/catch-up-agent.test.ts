import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { createMysql } from '../../src/adapters/mysql/mysql.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { parseGtidSet, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { hasCode } from '../../src/core/model/errors.ts';
import { catchUpChannel } from '../../src/core/perform/catch-up-standing.ts';
import { catchUp } from '../../src/core/perform/catch-up.ts';
import { Attaching } from '../../src/core/perform/attaching.ts';
import type { PerformContext } from '../../src/core/perform/context.ts';
import type { FailoverPlan } from '../../src/core/plan/plan.ts';
import type { Outcome } from '../../src/core/plan/steps.ts';
import { readMembers } from '../../src/core/store/inventory.ts';
import { put } from '../../src/core/store/put.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { eventually } from '../support/eventually.ts';
import { failoverPlan } from '../support/failover-plan.ts';
import { RealAgents } from '../support/real-agents.ts';
import { endpointOf } from '../support/real-mysql.ts';
import { silentLog } from '../support/test-log.ts';

const options = { timeoutMs: 30_000 };

async function connect({ socket, passwords }: MysqldHandle): Promise<Connection> {
  const connection = await mysql.createConnection({
    socketPath: socket,
    user: 'root',
    password: passwords.root,
    multipleStatements: true,
  });
  connection.on('error', () => undefined); // its server may be killed
  return connection;
}

async function run(server: MysqldHandle, ...statements: readonly string[]): Promise<RowDataPacket[]> {
  const connection = await connect(server);
  try {
    let rows: RowDataPacket[] = [];
    for (const sql of statements) [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows;
  } finally {
    connection.destroy();
  }
}

/** Small transactions of several sessions at once. */
async function write(server: MysqldHandle, transactions: number): Promise<void> {
  let left = transactions;
  const session = async (): Promise<void> => {
    const connection = await connect(server);
    while (left-- > 0) await connection.query("INSERT INTO app.t (v) VALUES (REPEAT('x', 50))");
    connection.destroy();
  };
  await Promise.all(Array.from({ length: 8 }, session));
}

async function executed(server: MysqldHandle): Promise<GtidSet> {
  const [row] = await run(server, 'SELECT @@GLOBAL.gtid_executed AS gtids');
  return parseGtidSet(String(row?.['gtids']));
}

describe('the step catch-up with real agents and servers', () => {
  let all: RealAgents;
  let servers: Mysql & AsyncDisposable;
  let epoch = -1;
  /** What the elected one has as the primary dies. */
  let held: GtidSet;

  before(async () => {
    all = await RealAgents.start('127.84.5', 2, { sessionTimeoutMs: 6000 });
    const { passwords } = all.host(1).mysqld;
    servers = createMysql({
      account: { user: 'dcmha', password: passwords.dcmha },
      connectTimeoutMs: 1000,
      replication: { user: 'repl', password: passwords.repl, ssl: false },
      log: silentLog,
    });
    epoch = await all.record(all.host(1));
    await all.untilOpen(all.host(1), 30_000, epoch);
    await run(all.host(1).mysqld, 'CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)');
  });

  after(async () => {
    await servers[Symbol.asyncDispose]();
    await all[Symbol.asyncDispose]();
  });

  /** Host 1 is a writing primary, host 2 has all of it and receives no more; a plan runs. */
  beforeEach(async () => {
    const [primary, replica] = [all.host(1).mysqld, all.host(2).mysqld];
    await put(all.store, znodes.journal('g1'), '');
    await Promise.all([primary.start(), all.host(1).agent.start()]);
    epoch = await all.record(all.host(1));
    await all.untilOpen(all.host(1), 30_000, epoch);
    // Its agent may be doing the same in this moment.
    await eventually(
      async () => {
        await servers.follow(endpointOf(replica), { source: endpointOf(primary), channel: '' }, options);
        return true;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    held = await executed(primary);
    assert.ok(await servers.waitExecuted(endpointOf(replica), held.toCompactString(), options));
    const journal = { program: 1, id: 'p1', kind: 'failover', group: 'g1', by: 'c1', entries: [] };
    await put(all.store, znodes.journal('g1'), JSON.stringify(journal));
    // The replica's agent may just be about to start it: it looked before the plan began.
    let looks = 0;
    await eventually(
      async () => {
        const { channels } = await servers.status(endpointOf(replica), options);
        looks = channels.every(({ receiver }) => receiver === 'off') ? looks + 1 : 0;
        if (looks === 0) await servers.stopReceiver(endpointOf(replica), '', options);
        return looks >= 10;
      },
      { timeoutMs: 20_000, everyMs: 50 },
    );
    held = await executed(replica);
  });

  /** kill -9, and the fence by its agent. */
  async function killPrimary(): Promise<void> {
    await all.host(1).mysqld.kill();
    const evidence = await all.call(all.host(1), 'fence', { group: 'g1', epoch });
    assert.equal(evidence.kind, 'process-gone');
  }

  async function perform(
    inputs: Partial<FailoverPlan['inputs']> = {},
    { catchUpMs = 30_000, signal = new AbortController().signal } = {},
  ): Promise<Outcome> {
    const { host: address } = all.host(1);
    const context: PerformContext = {
      group: 'g1',
      by: 'test',
      members: await readMembers(all.store, 'g1', { agentPort: 7071 }),
      routers: [],
      coordination: all.store,
      mysql: servers,
      peers: all.peers,
      alerts: { event: () => undefined, raise: () => undefined, end: () => undefined },
      clock: systemClock,
      log: silentLog,
      attaching: new Attaching(),
      limits: {
        peerTimeoutMs: 2000,
        gatherTimeoutMs: 5000,
        silentMs: 2000,
        freezeTimeoutMs: 10_000,
        catchUpMs,
        confirmMs: 1000,
      },
      signal,
    };
    const plan = failoverPlan({ oldPrimary: all.host(1).id, epoch, ...inputs }, [
      {
        step: { kind: 'fence', host: all.host(1).id, epoch },
        outcome: { kind: 'fenced', evidence: 'process-gone', detail: `of ${address}` },
      },
    ]);
    const step = { kind: 'catch-up', host: all.host(2).id, from: all.host(1).id, epoch } as const;
    return catchUp(step, plan, context, performance.now() + catchUpMs + 15_000);
  }

  async function expectSame(): Promise<void> {
    const ours = await executed(all.host(2).mysqld);
    const { channels } = await servers.status(endpointOf(all.host(2).mysqld), options);
    assert.deepEqual(
      channels.map(({ name }) => name),
      [''],
    );
    await all.host(1).mysqld.start();
    assert.equal(ours.toCompactString(), (await executed(all.host(1).mysqld)).toCompactString());
    const sums = await Promise.all(
      all.hosts.map(
        async ({ mysqld }) => (await run(mysqld, 'CHECKSUM TABLE app.t'))[0]?.['Checksum'] as unknown,
      ),
    );
    assert.equal(sums[0], sums[1]);
  }

  it('carries over a thousand transactions of a killed primary', async (t) => {
    await write(all.host(1).mysqld, 1000);
    await killPrimary();
    const began = performance.now();
    const outcome = await perform();
    t.diagnostic(`${Math.round(performance.now() - began)} ms`);
    assert.ok(outcome.kind === 'caught-up', JSON.stringify(outcome));
    assert.equal(outcome.transactions, 1000);
    assert.ok(outcome.sizeBytes > 200_000);
    await expectSame();
  });

  it('repeats without harm, and then finds nothing', async () => {
    await write(all.host(1).mysqld, 5);
    await killPrimary();
    const kinds = [(await perform()).kind, (await perform()).kind];
    assert.deepEqual(kinds, ['caught-up', 'caught-up']);
    await expectSame();
  });

  it('leaves everything where it is by policy never, and names it', async () => {
    await write(all.host(1).mysqld, 5);
    const missing = (await executed(all.host(1).mysqld)).subtract(held);
    await killPrimary();
    const outcome = await perform({ catchUp: 'never' });
    assert.deepEqual(
      [outcome.kind, outcome.kind === 'not-caught-up' && outcome.missing],
      ['not-caught-up', missing.toCompactString()],
    );
    assert.ok((await executed(all.host(2).mysqld)).equals(held));
  });

  it('carries over by policy acked-only what the primary showed as executed, and names the rest', async () => {
    await write(all.host(1).mysqld, 4);
    const shown = await executed(all.host(1).mysqld);
    await write(all.host(1).mysqld, 3);
    const left = (await executed(all.host(1).mysqld)).subtract(shown);
    await killPrimary();
    const outcome = await perform({ catchUp: 'acked-only', watermark: shown.toCompactString() });
    assert.ok(outcome.kind === 'caught-up', JSON.stringify(outcome));
    assert.deepEqual([outcome.transactions, outcome.left], [4, left.toCompactString()]);
    assert.ok((await executed(all.host(2).mysqld)).equals(shown));
  });

  const large = Array.from(
    { length: 30 },
    (_, n) => `INSERT INTO app.t (v) VALUES (REPEAT('${n % 10}', 4000000))`,
  );

  it('goes on when the agent is killed in the middle and starts again', async () => {
    await run(all.host(1).mysqld, ...large);
    await killPrimary();
    const done = perform();
    await eventually(
      async () => {
        const { channels } = await servers.status(endpointOf(all.host(2).mysqld), options);
        return channels.find(({ name }) => name === catchUpChannel)?.retrieved !== '';
      },
      { timeoutMs: 20_000, everyMs: 5 },
    );
    await all.host(1).agent.kill();
    await all.host(1).agent.start();
    const outcome = await done;
    assert.equal(outcome.kind, 'caught-up', JSON.stringify(outcome));
    await expectSame();
  });

  it('goes on when the coordinator ends in the middle and another one takes over', async () => {
    await run(all.host(1).mysqld, ...large);
    await killPrimary();
    const coordinator = new AbortController();
    const first = perform({}, { signal: coordinator.signal });
    first.catch(() => undefined);
    await eventually(
      async () => {
        const { channels } = await servers.status(endpointOf(all.host(2).mysqld), options);
        return channels.some(({ name }) => name === catchUpChannel);
      },
      { timeoutMs: 20_000, everyMs: 5 },
    );
    coordinator.abort(new Error('killed'));
    await assert.rejects(first);
    const outcome = await perform();
    assert.equal(outcome.kind, 'caught-up', JSON.stringify(outcome));
    await expectSame();
  });

  it('goes on when the elected one itself is killed in the middle and starts again', async () => {
    await run(all.host(1).mysqld, ...large);
    await killPrimary();
    const first = perform({}, { catchUpMs: 3000 });
    first.catch(() => undefined);
    await eventually(
      async () => {
        const { channels } = await servers.status(endpointOf(all.host(2).mysqld), options);
        return channels.find(({ name }) => name === catchUpChannel)?.retrieved !== '';
      },
      { timeoutMs: 20_000, everyMs: 5 },
    );
    await all.host(2).mysqld.kill();
    await assert.rejects(first, (error) => hasCode(error, 'MYSQL_UNREACHABLE'));
    await all.host(2).mysqld.start();
    const outcome = await perform();
    assert.equal(outcome.kind, 'caught-up', JSON.stringify(outcome));
    await expectSame();
  });

  it('waits for a mysqld that was started again meanwhile, and carries over from under it', async () => {
    await run(all.host(1).mysqld, ...large);
    await killPrimary();
    const started = all.host(1).mysqld.start();
    const outcome = await perform();
    await started;
    assert.equal(outcome.kind, 'caught-up', JSON.stringify(outcome));
    await expectSame();
  });

  it('gives up in time when the agent stays away, and names what is known', async () => {
    await write(all.host(1).mysqld, 6);
    const shown = await executed(all.host(1).mysqld);
    await killPrimary();
    await all.host(1).agent.kill();
    const began = performance.now();
    const outcome = await perform({ watermark: shown.toCompactString() }, { catchUpMs: 1500 });
    assert.ok(performance.now() - began < 4000);
    assert.deepEqual(
      [outcome.kind, outcome.kind === 'not-caught-up' && outcome.missing],
      ['not-caught-up', shown.subtract(held).toCompactString()],
    );
    const { channels } = await servers.status(endpointOf(all.host(2).mysqld), options);
    assert.ok(!channels.some(({ name }) => name === catchUpChannel));
  });

  it('is refused by an agent whose epoch was not fenced, and by one whose server takes writes again', async () => {
    const ask = (of: number) => all.call(all.host(1), 'serveBinlog', { group: 'g1', epoch: of, have: '' });
    const refusal = (reason: string) => (error: unknown) =>
      hasCode(error, 'PEER_REFUSED') && error.details['reason'] === reason;
    await assert.rejects(() => ask(epoch), refusal('not-fenced'));
    await assert.rejects(() => ask(epoch - 1), refusal('writable'));
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { receiveUntil } from '../../../src/core/perform/receive-until.ts';
import type { FakeServer } from '../../support/fake-mysql-server.ts';
import { FakeMysqlWorld } from '../../support/fake-mysql.ts';
import { member } from '../../support/group-builder.ts';
import { silentLog } from '../../support/test-log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const freezeTimeoutMs = 30_000;

describe('a candidate that receives what its fenced primary has', () => {
  let clock: VirtualClock;
  let world: FakeMysqlWorld;
  let primary: FakeServer;
  let replica: FakeServer;

  beforeEach(async () => {
    clock = new VirtualClock();
    world = new FakeMysqlWorld(clock);
    primary = world.add({ endpoint: { host: '10.0.0.1', port: 3306 }, serverId: 1 });
    replica = world.add({ endpoint: { host: '10.0.0.2', port: 3306 }, serverId: 2 });
    const source = { source: primary.endpoint, channel: '' };
    await clock.runThrough(world.from('coordinator').follow(replica.endpoint, source, { timeoutMs: 1000 }));
    primary.readOnly = primary.superReadOnly = false;
    world.commit(primary);
  });

  /** How long it is waited for, ms. */
  async function waited(): Promise<number> {
    const began = clock.monotonic();
    const candidate = member('b', { endpoint: replica.endpoint });
    const context = {
      group: 'g1',
      mysql: world.from('coordinator'),
      clock,
      log: silentLog,
      signal: new AbortController().signal,
      limits: { gatherTimeoutMs: 1000, freezeTimeoutMs },
    };
    await clock.runThrough(receiveUntil(candidate, primary.executed.toCompactString(), context));
    return clock.monotonic() - began;
  }

  it('is not waited for once it has all', async () => {
    assert.ok((await waited()) < 100);
  });

  it('is waited for while it applies what it has received, however silent its source is', async () => {
    replica.applyDelayMs = 10_000;
    world.commit(primary);
    world.cut(primary.endpoint.host, replica.endpoint.host);
    const ms = await waited();
    assert.ok(ms >= 9000 && ms < 12_000, `${ms} ms`);
    assert.ok(replica.executed.contains(primary.executed));
  });

  it('is waited for a moment only when its source is silent: what it lacks is in the binlog of the old primary', async () => {
    world.cut(primary.endpoint.host, replica.endpoint.host);
    world.commit(primary);
    const ms = await waited();
    assert.ok(ms > 1000 && ms < 4000, `${ms} ms`);
  });

  it('is not waited for when it does not receive any more', async () => {
    await clock.runThrough(world.from('coordinator').stopReceiver(replica.endpoint, '', { timeoutMs: 1000 }));
    world.commit(primary);
    assert.ok((await waited()) < 1000);
  });
});

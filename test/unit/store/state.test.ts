import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { describeConfig } from '../../../src/config/describe.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { clearAlert, listAlerts, raiseAlert } from '../../../src/core/store/alerts.ts';
import { decodeRecord, encodeShared } from '../../../src/core/store/codecs.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import { addBurnt, clearBurnt, readBurnt } from '../../../src/core/store/burnt.ts';
import {
  clearLostReplica,
  clearRejoinMark,
  markLostReplica,
  readExecutedAtFailover,
  readLostReplica,
  readRejoinMark,
  writeRejoinMark,
} from '../../../src/core/store/marks.ts';
import { isPaused } from '../../../src/core/model/pause.ts';
import { pauseGroup, readPause, unpauseGroup } from '../../../src/core/store/pauses.ts';
import { policyOverrides, readPolicy, writePolicy } from '../../../src/core/store/policy.ts';
import { encodePresence, presentAgent, readPresence } from '../../../src/core/store/presences.ts';
import { readPrimary, recordPrimary } from '../../../src/core/store/primary.ts';
import { presentRouteAck, publishRoute, readRoute, readRouteAcks } from '../../../src/core/store/routes.ts';
import { readWatermark, writeWatermark } from '../../../src/core/store/watermark.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

async function withTree() {
  const server = new FakeZookeeper(() => 500);
  const store = server.connect();
  await initTree(store);
  return { server, store };
}

const conflict = (error: unknown): boolean => hasCode(error, 'ZNODE_CONFLICT');
const isMalformed = (error: unknown): boolean => hasCode(error, 'ZNODE_MALFORMED');

test('the epoch of the primary grows with each record, and an outdated one is refused', async () => {
  const { store } = await withTree();
  assert.equal(await readPrimary(store, 'g1'), undefined);
  assert.deepEqual(await recordPrimary(store, 'g1', 'a', undefined), { id: 'a', epoch: 0 });
  assert.deepEqual(await recordPrimary(store, 'g1', 'b', 0), { id: 'b', epoch: 1 });
  await assert.rejects(recordPrimary(store, 'g1', 'c', 0), conflict);
  await assert.rejects(recordPrimary(store, 'g1', 'c', undefined), conflict);
  assert.deepEqual(await readPrimary(store, 'g1'), { id: 'b', epoch: 1 });
});

test('a record whose answer was lost is found again, not made twice', async () => {
  const { store } = await withTree();
  await recordPrimary(store, 'g1', 'a', undefined);
  assert.deepEqual(await recordPrimary(store, 'g1', 'a', undefined), { id: 'a', epoch: 0 });
  await recordPrimary(store, 'g1', 'b', 0);
  assert.deepEqual(await recordPrimary(store, 'g1', 'b', 0), { id: 'b', epoch: 1 });
  // The same host again, two records later, is someone else's decision.
  await recordPrimary(store, 'g1', 'a', 1);
  await recordPrimary(store, 'g1', 'b', 2);
  await assert.rejects(recordPrimary(store, 'g1', 'b', 0), conflict);
});

test('an empty or quoted record of the first program is read', async () => {
  const { server, store } = await withTree();
  server.put('/master/g1', '');
  assert.equal(await readPrimary(store, 'g1'), undefined);
  assert.deepEqual(await recordPrimary(store, 'g1', 'a', undefined), { id: 'a', epoch: 1 });
  server.put('/master/g2', "'10-0-0-1'");
  assert.deepEqual(await readPrimary(store, 'g2'), { id: '10-0-0-1', epoch: 0 });
  server.put('/master/g3', "__import__('os')");
  await assert.rejects(readPrimary(store, 'g3'), isMalformed);
});

test('a route is published once, read back, and fenced with an empty writer', async () => {
  const { server, store } = await withTree();
  const write = { host: '10.0.0.1', port: 3306 };
  const read = [{ host: '::1', port: 3307 }];
  assert.equal(await readRoute(store, 'g1'), undefined);
  assert.equal(await publishRoute(store, 'g1', { write, read }), 0);
  assert.equal(await publishRoute(store, 'g1', { write, read }), 0, 'an equal route stays');
  assert.equal(await publishRoute(store, 'g1', { write: undefined, read }, 0), 1);
  await assert.rejects(publishRoute(store, 'g1', { write, read }, 0), conflict);
  assert.equal(server.dump()['/haproxy/g1'], '{"read":["[::1]:3307"],"write":""}');
  assert.deepEqual(await readRoute(store, 'g1'), { route: { write: undefined, read }, version: 1 });
  server.put('/haproxy/g1', "{'read': [], 'write': 'nowhere'}");
  await assert.rejects(readRoute(store, 'g1'), isMalformed);
});

test('routers acknowledge, and what they acknowledged ends with their session', async () => {
  const { server, store } = await withTree();
  const router = server.connect();
  const ack = { router: 'r1', version: 3, write: '10.0.0.1:3306', oldSessions: 0, leaseMs: 2000 };
  presentRouteAck(router, 'g1', ack);
  assert.deepEqual(await readRouteAcks(store, 'g1'), [ack]);
  router.cutOff();
  router.expire();
  assert.deepEqual(await readRouteAcks(store, 'g1'), []);
});

test('an agent is present with a verdict; one of the first program is present without', async () => {
  const { server, store } = await withTree();
  const agent = server.connect();
  const record = { verdict: 'up', since: 1, agent: 'h:1', version: '9' } as const;
  const presence = presentAgent(agent, 'h', record);
  assert.deepEqual(await readPresence(store, 'h'), record);
  await presence.update(encodePresence({ ...record, verdict: 'dead', why: 'gone' }));
  assert.equal((await readPresence(store, 'h'))?.verdict, 'dead');
  await presence.withdraw();
  assert.equal(await readPresence(store, 'h'), undefined);
  server.put('/online-list/old', '');
  assert.equal((await readPresence(store, 'old'))?.verdict, 'unknown');
});

test('a pause ends by hand or at its time; one that cannot be read is a pause', async () => {
  const { server, store } = await withTree();
  assert.equal(isPaused(await readPause(store, 'g1'), 0), false);
  await pauseGroup(store, 'g1', { by: 'ann', why: 'work', at: 1, until: 10 });
  const pause = await readPause(store, 'g1');
  assert.deepEqual([isPaused(pause, 9), isPaused(pause, 10)], [true, false]);
  assert.deepEqual([await unpauseGroup(store, 'g1'), await unpauseGroup(store, 'g1')], [true, false]);
  for (const content of ['', 'by hand', '{"by": ', '[1]']) {
    server.put('/white/g2', content);
    assert.equal(isPaused(await readPause(store, 'g2'), 1e15), true, content);
  }
});

test('burnt names add up, keep the server that is meant, and are cleared only as they were read', async () => {
  const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  const names = { group: 'g1', gtids: `${uuid}:5`, uuid: 'u', at: 1 };
  const { store } = await withTree();
  assert.equal(await readBurnt(store, 'h'), undefined);
  await addBurnt(store, 'h', names);
  const first = await readBurnt(store, 'h');
  assert.ok(first !== undefined);
  assert.deepEqual(first, { ...names, version: 0 });
  await addBurnt(store, 'h', { group: 'g1', gtids: `${uuid}:6-7`, at: 2 });
  const second = await readBurnt(store, 'h');
  assert.ok(second !== undefined);
  assert.deepEqual(second, { group: 'g1', gtids: `${uuid}:5-7`, uuid: 'u', at: 2, version: 1 });
  assert.equal(await clearBurnt(store, 'h', first), false);
  assert.equal(await clearBurnt(store, 'h', second), true);
  assert.equal(await clearBurnt(store, 'h', second), true);
  assert.equal(await readBurnt(store, 'h'), undefined);
});

test('a lost replica and a rejoin leave marks that can be cleared', async () => {
  const { server, store } = await withTree();
  const lost = { group: 'g1', why: 'does not replicate', at: 5 };
  await markLostReplica(store, 'h', lost);
  assert.deepEqual(await readLostReplica(store, 'h'), lost);
  assert.equal(await clearLostReplica(store, 'h'), true);
  server.put('/slavedown/old', 'down since yesterday');
  assert.equal((await readLostReplica(store, 'old'))?.at, 500);
  const mark = { group: 'g1', primary: 'n', epoch: 4, at: 6, executed: 'u:1-5' };
  await writeRejoinMark(store, 'h', mark);
  assert.deepEqual(await readRejoinMark(store, 'h'), mark);
  assert.equal(await readExecutedAtFailover(store, 'h'), 'u:1-5');
  assert.deepEqual([await clearRejoinMark(store, 'h'), await clearRejoinMark(store, 'h')], [true, false]);
});

test('the watermark is written with its parents and read', async () => {
  const { store } = await withTree();
  assert.equal(await readWatermark(store, 'g1'), undefined);
  const watermark = { epoch: 1, executed: 'u:1-9', at: 7 };
  assert.equal(await writeWatermark(store, 'g1', watermark), 0);
  assert.equal(await writeWatermark(store, 'g1', watermark), 1);
  assert.deepEqual(await readWatermark(store, 'g1'), watermark);
});

test('a standing condition keeps its beginning and is told once', async () => {
  const { server, store } = await withTree();
  const alert = { kind: 'heartbeat-lost', group: 'g1', message: 'no agent', at: 1, by: 'c1' };
  assert.equal(await raiseAlert(store, 'g1', alert), true);
  assert.equal(await raiseAlert(store, 'g1', { ...alert, at: 2 }), false);
  server.put('/watch-down/old', '');
  const alerts = await listAlerts(store);
  assert.equal(alerts.get('g1')?.at, 1);
  assert.equal(alerts.get('old')?.kind, 'unknown');
  assert.deepEqual([await clearAlert(store, 'g1'), await clearAlert(store, 'g1')], [true, false]);
});

test('another condition takes the place of the one that stood, and one for another reason says so', async () => {
  const { store } = await withTree();
  const stalled = { kind: 'stalled', group: 'g1', message: 'it cannot commit', at: 1, by: 'c1' };
  const refused = { ...stalled, kind: 'failover-refused', reason: 'cooldown', message: 'not yet', at: 2 };
  await raiseAlert(store, 'g1', stalled);
  assert.equal(await raiseAlert(store, 'g1', refused), true);
  assert.equal(
    await raiseAlert(store, 'g1', { ...refused, reason: 'no-candidate', message: 'nobody', at: 3 }),
    true,
  );
  const [alert] = [...(await listAlerts(store)).values()];
  assert.deepEqual([alert?.kind, alert?.message, alert?.at], ['failover-refused', 'nobody', 2]);
});

test("a group's settings are checked, and their keys are keys of the configuration file", async () => {
  const { server, store } = await withTree();
  assert.deepEqual(await readPolicy(store, 'g1'), {});
  await writePolicy(store, 'g1', { failover: { automatic: false }, catchUp: { policy: 'never' } });
  assert.deepEqual(await readPolicy(store, 'g1'), {
    failover: { automatic: false },
    catchUp: { policy: 'never' },
  });
  server.put('/policy/g1', '{"failover": {"automatik": 1}}');
  await assert.rejects(readPolicy(store, 'g1'), /\/policy\/g1.*automatik/);
  // Not the parsed defaults: a key without one is a key, too.
  const known = describeConfig().map(({ key }) => key);
  for (const [name, section] of Object.entries(policyOverrides.shape)) {
    for (const key of Object.keys(section.unwrap().shape))
      assert.ok(known.includes(`${name}.${key}`), `${name}.${key}`);
  }
});

test('a shared record holds nothing that Python cannot evaluate', () => {
  assert.equal(encodeShared({ a: 1, b: undefined, c: ['x'] }), '{"a":1,"c":["x"]}');
  assert.throws(
    () => encodeShared({ a: true }),
    (error) => hasCode(error, 'UNEXPECTED'),
  );
  assert.throws(
    () => encodeShared({ a: { b: null } }),
    (error) => hasCode(error, 'UNEXPECTED'),
  );
});

test('a text that was read before is not parsed again, and nobody can change what others get', () => {
  const schema = z.object({ names: z.array(z.string()) });
  const text = Buffer.from('{"names":["a"]}');
  const first = decodeRecord(schema, '/one', text);
  assert.equal(decodeRecord(schema, '/other', Buffer.from(text)), first);
  assert.throws(() => first.names.push('b'), TypeError);
  const wider = z.looseObject({ names: z.array(z.string()) });
  assert.notEqual(decodeRecord(wider, '/one', text), first);
});

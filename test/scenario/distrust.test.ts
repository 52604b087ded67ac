import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { znodes } from '../../src/core/store/znodes.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

describe('a coordinator', () => {
  it('neither believes a router that acknowledges what was never published, nor hides that', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, zookeeper, peers, observer } = stage.agents;
    const path = znodes.routeAck('g1', '10.0.0.52:7072');
    const lie = { version: 99, write: '', oldSessions: 0, leaseMs: 6000 };
    zookeeper.put(path, JSON.stringify(lie));
    await clock.runFor(3000);
    const [told] = stage.coordinator(1).alerts;
    assert.deepEqual([told?.kind, told?.host, told?.state], ['distrusted', '10.0.0.52:7072', 'raised']);
    assert.match(
      told?.text ?? '',
      /none of this group.*; router .* acknowledges version 99 of a route that is at 0/,
    );
    const one = stage.agents.host(1);
    const session = one.kill();
    one.server.state = { kind: 'unreachable' };
    for (const other of ['c1', '10.0.0.2', '10.0.0.3']) peers.cut('10.0.0.1', other);
    session.expire();
    await clock.runFor(14_000);
    assert.equal(stage.primary(), '10-0-0-1', 'its word is no evidence');
    await observer.remove(path);
    await clock.runUntil(() => stage.primary() === '10-0-0-2', 30_000);
    await stage.end();
  });

  it('tells of an agent that was asked to fence an epoch of the past, and keeps its primary open', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, zookeeper } = stage.agents;
    const one = stage.agents.host(1);
    zookeeper.put(znodes.master('g1'), one.id);
    await clock.runFor(3000);
    await assert.rejects(one.call('fence', { group: 'g1', epoch: 0 }), { code: 'PEER_REFUSED' });
    await assert.rejects(one.call('fence', { group: 'g2', epoch: 5 }), /belongs to group g1/);
    const promise = { group: 'g1', epoch: 1, primary: '10-0-0-1', leaseMs: 3_600_000 };
    await assert.rejects(stage.agents.host(2).call('acceptPrimary', promise), /longer than a session/);
    assert.deepEqual(stage.writable(), [1]);
    await clock.runFor(3000);
    const texts = stage.coordinator(1).alerts.map(({ kind, host, text }) => `${kind} ${host ?? ''} ${text}`);
    assert.equal(texts.length, 2);
    assert.match(
      texts[0] ?? '',
      /^distrusted 10-0-0-1 .*fence: epoch 0 is past: writes are open under 1; fence: this host/,
    );
    assert.match(texts[1] ?? '', /^distrusted 10-0-0-2 .*acceptPrimary: a promise for 3600000 ms/);
    assert.equal(one.log.lines.filter(({ message }) => message === 'turned away').length, 2);
    await clock.runFor(620_000);
    assert.equal(stage.alertKinds().filter((kind) => kind === 'distrusted ended').length, 2);
    await stage.end();
  });
});

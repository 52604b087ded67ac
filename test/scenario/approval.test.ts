import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { giveApproval, readApproval } from '../../src/core/store/approvals.ts';
import { readJournal, saveJournal } from '../../src/core/store/journal.ts';
import { approved } from '../../src/core/plan/plan.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { planOf } from '../../src/roles/coordinator/plan-runner.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

/** Host 1, the primary, is in x; the others where `dcs` says. A second coordinator has nothing to tell, and may act. */
async function stageIn(dcs: readonly [string, string], policy: object): Promise<CoordinatorStage> {
  const stage = await CoordinatorStage.running(2);
  ['x', ...dcs].forEach((dc, at) => {
    const record = { group: 'g1', port: 3306, dc };
    stage.agents.zookeeper.put(znodes.host(stage.agents.host(at + 1).id), JSON.stringify(record));
  });
  stage.agents.zookeeper.put(znodes.policy('g1'), JSON.stringify({ failover: policy }));
  await stage.agents.clock.runFor(1500);
  return stage;
}

/** As `dcmha task approve` does, for a failover that has not begun. */
async function approve(stage: CoordinatorStage, forMs: number): Promise<void> {
  const stored = await readApproval(stage.agents.observer, 'g1');
  if (stored === undefined) throw new Error('nothing waits');
  const at = stage.agents.clock.now();
  await giveApproval(stage.agents.observer, 'g1', stored, { by: 'dba', at, until: at + forMs });
}

const needsApproval = { crossDc: 'needs-approval', cooldownMs: 1 };

describe('a failover that would leave its data centre', () => {
  it('waits for an operator, touches nothing meanwhile, and says the command', async () => {
    const stage = await stageIn(['y', 'y'], needsApproval);
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runFor(10_000);
    assert.deepEqual(
      [stage.primary(), stage.writable(), (await stage.history()).length],
      ['10-0-0-1', [], 0],
    );
    assert.equal((await stage.route())?.write?.host, '10.0.0.1');
    const alert = stage.coordinators.flatMap(({ alerts }) => alerts).find(({ state }) => state === 'raised');
    assert.match(
      alert?.text ?? '',
      /no failover \(needs-approval\): only another data centre .* dcmha task approve --group g1$/,
    );
    await approve(stage, 60_000);
    const tookMs = await clock.runUntil(() => stage.writable().includes(2), 5000);
    assert.ok(tookMs < 1000, `${tookMs} ms`);
    await clock.runFor(5000);
    assert.equal((await stage.history())[0]?.['approvedBy'], 'dba');
    assert.equal(await readApproval(stage.agents.observer, 'g1'), undefined, 'the approval is used up');
    await stage.end();
  });

  it('is over when the primary comes back by itself, and an approval that was given for it, too', async () => {
    const stage = await stageIn(['y', 'y'], needsApproval);
    const { clock, world } = stage.agents;
    const one = stage.agents.host(1).server;
    world.stop(one);
    await clock.runFor(5000);
    world.start(one);
    await clock.runUntil(() => stage.writable().includes(1), 5000);
    await clock.runFor(3000);
    assert.equal(await readApproval(stage.agents.observer, 'g1'), undefined);
    world.stop(one);
    await clock.runFor(5000);
    assert.equal(stage.primary(), '10-0-0-1', 'the next death asks again');
    await stage.end();
  });

  it('asks again when the approval came to nothing in time', async () => {
    const stage = await stageIn(['y', 'y'], needsApproval);
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runFor(3000);
    // Nobody is there to act upon it.
    for (const coordinator of stage.coordinators) {
      coordinator.kill();
      coordinator.coordination.expire();
    }
    await approve(stage, 1000);
    await clock.runFor(2000);
    stage.add('c9');
    await clock.runFor(8000);
    assert.equal(stage.primary(), '10-0-0-1');
    assert.equal((await readApproval(stage.agents.observer, 'g1'))?.request.approved, undefined);
    await approve(stage, 60_000);
    await clock.runUntil(() => stage.writable().includes(2), 5000);
    await stage.end();
  });

  it('goes to a server at home instead, without asking', async () => {
    const stage = await stageIn(['y', 'x'], needsApproval);
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.writable().includes(3), 5000);
    await stage.end();
  });

  it('blocks in its course when the one at home is lost meanwhile, and goes on once that is approved', async () => {
    const stage = await stageIn(['y', 'x'], needsApproval);
    const { clock, world } = stage.agents;
    // It answers and cannot be elected: what only it holds is not the primary's.
    stage.agents.host(3).server.superReadOnly = false;
    const three = stage.agents.host(3);
    three.kill().expire();
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.alertKinds().includes('plan-blocked raised'), 30_000);
    assert.equal(stage.primary(), '10-0-0-1');
    const state = await readJournal(stage.agents.observer, 'g1');
    if (state?.kind !== 'running') throw new Error('no plan');
    const at = clock.now();
    const plan = approved(planOf(state.journal), { by: 'dba', at, until: at + 60_000 });
    await saveJournal(stage.agents.observer, { ...plan, by: 'dba' }, state.version);
    await clock.runUntil(() => stage.primary() === '10-0-0-2', 5000);
    await stage.end();
  });

  it('never goes where no primary may be, whoever orders it', async () => {
    const stage = await stageIn(['y', 'y'], { allowedDcs: ['x', 'z'] });
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runFor(5000);
    const [alert] = stage.coordinators.flatMap(({ alerts }) => alerts);
    assert.match(
      alert?.text ?? '',
      /no-candidate.*10-0-0-2: data centre y is none of failover\.allowedDcs \(x, z\)/,
    );
    assert.equal(stage.primary(), '10-0-0-1');
    await stage.end();
  });
});

import { Distrust } from '../../core/peer/distrust.ts';
import { leaseTerms } from '../../core/lease.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import { agentHandler, askAll } from './api.ts';
import { BinlogKeeper } from './binlog.ts';
import { BurntCheck } from './burnt.ts';
import { ChannelKeeper } from './channels.ts';
import { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import { WriteGate } from './fence.ts';
import { LagGauge } from './lag.ts';
import { LeaseKeeper } from './lease.ts';
import { AgentRecall } from './memory.ts';
import { openOwnBinlog } from './own-binlog.ts';
import { PresencePublisher } from './presence.ts';
import { BinlogCutter } from './rejoin-cut.ts';
import { RejoinLedger } from './rejoin-ledger.ts';
import { EventKeeper } from './events.ts';
import { Rejoiner } from './rejoin.ts';
import { ReplicaKeeper } from './replica.ts';
import type { EpochOf } from './refusal.ts';
import { SemiSyncKeeper } from './semi-sync.ts';
import { ServerStarter } from './start.ts';
import { GroupView } from './view.ts';
import { Alarm } from '../alarm.ts';
import { runLoops } from '../daemon.ts';

const enforceRetryMs = 250;
const tidyMs = 1000;

/**
 * The agent of one MySQL host (`dcmha heartbeat`): tells of its server, keeps read_only as the record says, holds the primary's lease,
 * answers on its control port. Returns when `signal` aborts; MySQL is then left as it is. Throws when the control port cannot be had.
 */
export async function runAgent(deps: AgentDeps, options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { coordination, clock, log } = deps;
  const distrust = new Distrust(() => clock.monotonic());
  const turnedAway = (what: string, from?: string): void => {
    if (distrust.note(what, from)) log.error('turned away', { what, from });
  };
  const recall = new AgentRecall(deps);
  await recall.load(leaseTerms(coordination.sessionTimeoutMs()).acceptMs);
  const changed = (): void => parts.wake();
  const view = new GroupView(deps, options, changed);
  const endpoint = () => view.member?.endpoint ?? { host: options.host, port: options.mysqlPort };
  const local = new LocalServer(deps, options, {
    recall,
    endpoint,
    changed,
    mayProbe: (): boolean => !lease.over(),
  });
  const lease: LeaseKeeper = new LeaseKeeper(deps, {
    view,
    recall,
    progress: () => {
      const { executed = '', version: mysql } = local.status ?? {};
      return { executed, mysql, semiSync: semiSync.state() };
    },
    close: (deadline) => gate.close('the lease is over', { deadline, mayKill: true }),
    ask: (peers, epoch, timing) => askAll(deps, view.self, { peers, epoch, timing }),
  });
  const semiSync: SemiSyncKeeper = new SemiSyncKeeper(deps, options, { view, local });
  const beforeOpening = async (epoch: EpochOf): Promise<void> => {
    await Promise.all([ledger.look(), semiSync.prepare(epoch)]);
  };
  const gate: WriteGate = new WriteGate(deps, { view, local, recall, lease, beforeOpening });
  const ledger: RejoinLedger = new RejoinLedger(deps, { self: view.self, gate });
  const rejoiner = new Rejoiner(deps, options, { view, local, gate, recall, ledger });
  const burnt = new BurntCheck(deps, { view, source: () => openOwnBinlog(deps, options, { local, recall }) });
  const channels = new ChannelKeeper(deps, { view, local });
  const lag = new LagGauge(deps, options, view);
  const replica = new ReplicaKeeper(deps, { view, local, lag, rejoiner, burnt, channels });
  const cutter = new BinlogCutter(deps, options, { view, local, recall, ledger, channels });
  const starter = new ServerStarter(deps, options, { view, local, cutter });
  const binlog = new BinlogKeeper(deps, options, { local, gate, lease, recall });
  const presence = new PresencePublisher(deps, options, {
    self: view.self,
    local,
    replication: () => replica.health(),
    channels: () => channels.health(),
    doing: () => rejoiner.going,
    unmet: () => semiSync.why,
    distrust: () => distrust.text,
  });
  const events = new EventKeeper(deps, { local, lease });
  const guard = new Guard(deps, { gate, recall, fenceMs: () => lease.terms.fenceMs });
  const parts = {
    wake: (): void => {
      presence.publish();
      guard.wake();
      replica.wake();
      binlog.wake();
      starter.wake();
    },
  };

  const handler = agentHandler(deps, options, {
    view,
    local,
    gate,
    lease,
    replica,
    binlog,
    semiSync,
    lag,
    turnedAway,
  });
  const port = await deps.listener.listen(options.control, handler, turnedAway);
  log.info('agent started', { host: options.host, version: options.version });
  try {
    await runLoops(
      [
        { name: 'lease', run: (stop) => lease.run(stop), onFailure: 'restart' },
        { name: 'checks', run: (stop) => local.run(stop), onFailure: 'restart' },
        { name: 'group', run: (stop) => view.run(stop), onFailure: 'restart' },
        { name: 'presence', run: (stop) => presence.run(stop), onFailure: 'restart' },
        { name: 'guard', run: (stop) => guard.run(stop), onFailure: 'restart' },
        { name: 'binlog', run: (stop) => binlog.run(stop), onFailure: 'restart' },
        { name: 'replication', run: (stop) => replica.run(stop), onFailure: 'restart' },
        { name: 'clock', run: (stop) => lag.run(stop), onFailure: 'restart' },
        { name: 'semi-sync', run: (stop) => semiSync.run(stop), onFailure: 'restart' },
        { name: 'events', run: (stop) => events.run(stop), onFailure: 'restart' },
        { name: 'start', run: (stop) => starter.run(stop), onFailure: 'restart' },
      ],
      { signal, clock, log },
    );
  } finally {
    await port[Symbol.asyncDispose]();
  }
  log.info('agent ended', { host: options.host });
}

/** Keeps read_only as the record says: at each change, and soon again when it did not work. */
class Guard {
  readonly #deps: AgentDeps;
  readonly #gate: WriteGate;
  readonly #recall: AgentRecall;
  readonly #fenceMs: () => number;
  #alarm: Alarm | undefined;
  #said: string | undefined;

  constructor(
    deps: AgentDeps,
    parts: { readonly gate: WriteGate; readonly recall: AgentRecall; readonly fenceMs: () => number },
  ) {
    this.#deps = deps;
    this.#gate = parts.gate;
    this.#recall = parts.recall;
    this.#fenceMs = parts.fenceMs;
  }

  readonly wake = (): void => this.#alarm?.ring();

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    while (!signal.aborted) {
      const done = await this.#enforce();
      if (done) await alarm.wait(tidyMs);
      else await this.#deps.clock.pause(enforceRetryMs, signal);
    }
  }

  async #enforce(): Promise<boolean> {
    const { clock, log } = this.#deps;
    try {
      await this.#gate.enforce({ deadline: clock.monotonic() + this.#fenceMs(), mayKill: false });
      await this.#gate.keepPeers();
      await this.#recall.tidy();
      this.#said = undefined;
      return true;
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      if (this.#said !== error.message) {
        log.warn('read_only is not as the record says', {
          code: error.code,
          error: error.message,
          ...error.details,
        });
      }
      this.#said = error.message;
      return false;
    }
  }
}

import { DcmhaError } from '../../core/model/errors.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql } from '../../ports/mysql.ts';
import type { PeerCaller } from '../../ports/peers.ts';
import type { Clock } from '../../ports/system.ts';

/**
 * Whether a plan is still this coordinator's. Nobody takes it over before the group's lock is free, and that is not before this session has
 * expired: half a session timeout after the journal was written or seen as it was left, nobody has (see the lease rule). Later, as after
 * a stop of this process, and in another session, for an ensemble may end one sooner, the journal is looked at again before anything is done.
 */
export class PlanHold {
  readonly #coordination: Coordination;
  readonly #clock: Clock;
  readonly #group: string;
  #version: number;
  #until = -Infinity;
  /** In which the journal was written or seen. */
  #session: string | undefined;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(
    { coordination, clock }: { readonly coordination: Coordination; readonly clock: Clock },
    group: string,
    journal: { readonly version: number; readonly sentAt: number },
  ) {
    this.#coordination = coordination;
    this.#clock = clock;
    this.#group = group;
    this.#version = journal.version;
    this.#holdFrom(journal.sentAt, coordination.sessionId());
  }

  get version(): number {
    return this.#version;
  }

  /** Writes the journal over the version that is held, one write at a time; `write` resolves to the next version. Throws what it throws. */
  save(write: (version: number) => Promise<number>): Promise<void> {
    const saving = this.#save(write);
    this.#saving = saving.catch(() => undefined);
    return saving;
  }

  async #save(write: (version: number) => Promise<number>): Promise<void> {
    const sentAt = this.#clock.monotonic();
    const session = this.#coordination.sessionId();
    this.#version = await write(this.#version);
    this.#holdFrom(sentAt, session);
  }

  /** Throws `LOCK_LOST` when somebody else has the plan now, `SESSION_LOST` when nobody can say. */
  async require(): Promise<void> {
    if (this.#isSure()) return;
    // A step may begin before the journal of the one before it is written: that version is ours, too.
    await this.#saving;
    if (this.#isSure()) return;
    const path = znodes.journal(this.#group);
    const askedAt = this.#clock.monotonic();
    const session = this.#coordination.sessionId();
    await this.#coordination.sync(path);
    const version = (await this.#coordination.read(path))?.version;
    if (version !== this.#version)
      throw new DcmhaError('LOCK_LOST', `${path} was taken over by another process`, {
        details: { path, version },
      });
    this.#holdFrom(askedAt, session);
  }

  #isSure(): boolean {
    return this.#clock.monotonic() < this.#until && this.#coordination.sessionId() === this.#session;
  }

  #holdFrom(sentAt: number, session: string | undefined): void {
    this.#session = session;
    this.#until = sentAt + this.#coordination.sessionTimeoutMs() / 2;
  }
}

interface StepPorts {
  readonly coordination: Coordination;
  readonly mysql: Mysql;
  readonly peers: PeerCaller;
}

/** The ports of a plan's steps, which change nothing without the hold. */
export function underHold({ coordination, mysql, peers }: StepPorts, hold: PlanHold): StepPorts {
  const held =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await hold.require();
      return call(...args);
    };
  return {
    coordination: {
      read: (...args) => coordination.read(...args),
      children: (...args) => coordination.children(...args),
      create: held((...args: Parameters<Coordination['create']>) => coordination.create(...args)),
      write: held((...args: Parameters<Coordination['write']>) => coordination.write(...args)),
      remove: held((...args: Parameters<Coordination['remove']>) => coordination.remove(...args)),
      sync: (...args) => coordination.sync(...args),
      watchData: (...args) => coordination.watchData(...args),
      watchChildren: (...args) => coordination.watchChildren(...args),
      present: (...args) => coordination.present(...args),
      state: () => coordination.state(),
      sessionTimeoutMs: () => coordination.sessionTimeoutMs(),
      sessionId: () => coordination.sessionId(),
      onState: (...args) => coordination.onState(...args),
    },
    mysql: {
      probe: (...args) => mysql.probe(...args),
      status: (...args) => mysql.status(...args),
      clockOffset: (...args) => mysql.clockOffset(...args),
      fence: held((...args: Parameters<Mysql['fence']>) => mysql.fence(...args)),
      endSessions: held((...args: Parameters<Mysql['endSessions']>) => mysql.endSessions(...args)),
      openWrites: held((...args: Parameters<Mysql['openWrites']>) => mysql.openWrites(...args)),
      stopReceiver: held((...args: Parameters<Mysql['stopReceiver']>) => mysql.stopReceiver(...args)),
      startReplication: held((...args: Parameters<Mysql['startReplication']>) =>
        mysql.startReplication(...args),
      ),
      waitExecuted: (...args) => mysql.waitExecuted(...args),
      resetReplication: held((...args: Parameters<Mysql['resetReplication']>) =>
        mysql.resetReplication(...args),
      ),
      follow: held((...args: Parameters<Mysql['follow']>) => mysql.follow(...args)),
      commitProbe: (...args) => mysql.commitProbe(...args),
      sessionCount: (...args) => mysql.sessionCount(...args),
      survey: (...args) => mysql.survey(...args),
      lookAtClients: (...args) => mysql.lookAtClients(...args),
      drain: (...args) => mysql.drain(...args),
      events: (...args) => mysql.events(...args),
      enableEvent: held((...args: Parameters<Mysql['enableEvent']>) => mysql.enableEvent(...args)),
      startEventScheduler: held((...args: Parameters<Mysql['startEventScheduler']>) =>
        mysql.startEventScheduler(...args),
      ),
      watchConnection: (...args) => mysql.watchConnection(...args),
    },
    peers: { call: held((...args: Parameters<PeerCaller['call']>) => peers.call(...args)) },
  };
}

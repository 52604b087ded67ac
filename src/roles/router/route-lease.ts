import {
  askDueAt,
  extendLease,
  inNewSession,
  isOver,
  leaseLeftMs,
  leaseTerms,
  NO_LEASE,
  renewLease,
  type Lease,
  type LeaseTerms,
} from '../../core/lease.ts';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { Clock, Log } from '../../ports/system.ts';
import { Alarm } from '../alarm.ts';
import { SideWork } from '../side-work.ts';

export interface RouteLeaseParts {
  /** Makes sure that our acknowledgement stands in `session` and that we know the route as it is since. Throws when not. */
  readonly establish: (session: string) => Promise<void>;
  /** Writes the acknowledgement again: throws unless it stands. */
  readonly renew: () => Promise<void>;
  /** Whether there is anything to vouch for. */
  readonly isWanted: () => boolean;
  /** Asks all who could be promoted to accept the primary a little longer; resolves to why not, or undefined. */
  readonly ask: (timing: {
    readonly leaseMs: number;
    readonly timeoutMs: number;
  }) => Promise<string | undefined>;
  /** The lease began, or it is over. */
  readonly changed: () => void;
}

const retryMs = 100;
const idleMs = 60_000;

/**
 * One group's lease at one router (design, sections 5 and 12): the write side may be open while it runs. Renewed by writes to the
 * acknowledgement's own node; when ZooKeeper is away, by the consent of all who could be promoted. Renewing and asking go on beside
 * the loop, so that neither delays the look at the clock.
 */
export class RouteLease {
  readonly #coordination: Coordination;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #parts: RouteLeaseParts;
  #lease: Lease = NO_LEASE;
  #session: string | undefined;
  #alarm: Alarm | undefined;
  readonly #renewing = new SideWork();
  readonly #asking = new SideWork();
  /** What was told last, so that it is told once. */
  #held = false;
  readonly #trouble = new Trouble();
  #accepted = false;

  constructor(
    deps: { readonly coordination: Coordination; readonly clock: Clock; readonly log: Log },
    parts: RouteLeaseParts,
  ) {
    this.#coordination = deps.coordination;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#parts = parts;
  }

  get terms(): LeaseTerms {
    return leaseTerms(this.#coordination.sessionTimeoutMs());
  }

  isHeld(): boolean {
    return !isOver(this.#lease, this.#clock.monotonic());
  }

  get leftMs(): number {
    return leaseLeftMs(this.#lease, this.#clock.monotonic());
  }

  /** True when there was a lease once. */
  get began(): boolean {
    return this.#lease.until > NO_LEASE.until;
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#clock, signal);
    this.#alarm = alarm;
    this.#coordination.onState(() => this.#soon(), signal);
    while (!signal.aborted) {
      const wakeAt = this.#step();
      await alarm.wait(Math.max(0, Math.min(wakeAt - this.#clock.monotonic(), idleMs)));
    }
  }

  /** Tells of a change first, starts what is due, and returns when to look again. */
  #step(): number {
    this.#heedSession();
    const now = this.#clock.monotonic();
    const held = this.isHeld();
    if (held !== this.#held) {
      this.#held = held;
      if (!held) this.#log.error('the lease is over: closing the write side');
      this.#parts.changed();
    }
    const renewAt = this.#renewing.look(now, () => this.#keep(), this.#alarm);
    const notBefore = held && this.#parts.isWanted() ? askDueAt(this.#lease, this.terms) : Infinity;
    const askAt = this.#asking.look(now, () => this.#ask(), this.#alarm, notBefore);
    return Math.min(held ? this.#lease.until : Infinity, renewAt, askAt);
  }

  async #keep(): Promise<void> {
    try {
      this.#renewing.dueAt = (await this.#renew()) + this.terms.renewEveryMs;
      if (this.#trouble.over()) this.#log.info('lease renewed again', { leftMs: Math.round(this.leftMs) });
      this.#accepted = false;
    } catch (thrown) {
      const { code, message } = toDcmhaError(thrown);
      this.#renewing.dueAt = this.#clock.monotonic() + retryMs;
      if (this.#trouble.isNews(code))
        this.#log.warn('lease not renewed', { code, error: message, leftMs: Math.round(this.leftMs) });
    }
  }

  /** Resolves to when it was sent: the next must not follow too soon to count. */
  async #renew(): Promise<number> {
    const session = this.#coordination.sessionId();
    if (session === undefined) throw new DcmhaError('SESSION_LOST', 'no session with ZooKeeper yet');
    if (this.#session !== session) {
      await this.#parts.establish(session);
      this.#session = session;
    }
    const sentAt = this.#clock.monotonic();
    await this.#parts.renew();
    this.#heedSession();
    // Written in another session than the one that was looked at, it proves nothing of that one.
    if (this.#session === session) this.#lease = renewLease(this.#lease, sentAt, this.terms);
    return sentAt;
  }

  #heedSession(): void {
    const session = this.#coordination.sessionId();
    if (this.#session === undefined || session === undefined || session === this.#session) return;
    this.#session = undefined;
    this.#lease = inNewSession(this.#lease, this.#clock.monotonic(), this.terms);
    this.#renewing.dueAt = -Infinity;
  }

  async #ask(): Promise<void> {
    const askedAt = this.#clock.monotonic();
    const timing = { leaseMs: this.terms.acceptMs, timeoutMs: Math.max(1, this.#lease.until - askedAt) };
    const refusal = await this.#parts.ask(timing).catch((thrown: unknown) => toDcmhaError(thrown).message);
    if (refusal !== undefined) {
      this.#log.warn('no contact with ZooKeeper, and the primary is not accepted by all', { why: refusal });
    } else if (this.isHeld()) {
      // Never after the end: closing has begun then.
      this.#lease = extendLease(this.#lease, askedAt, this.terms);
      if (!this.#accepted) this.#log.warn('no contact with ZooKeeper; all others accept this primary');
      this.#accepted = true;
    }
    this.#asking.dueAt = this.#clock.monotonic() + retryMs;
  }

  #soon(): void {
    this.#renewing.dueAt = -Infinity;
    this.#alarm?.ring();
  }
}

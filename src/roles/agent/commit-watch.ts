import type { LocalCheck } from '../../core/decide/verdict.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import type { CommitProbe } from '../../ports/mysql.ts';
import type { AgentDeps } from './deps.ts';

/**
 * A primary whose commits have just stopped gets a probe commit after the first of these; one that is idle for long, each of the second,
 * for a probe is a transaction. While commits go on, none is needed.
 */
const firstProbeMs = 1000;
const longestProbeMs = 10_000;

interface CommitWatchParts {
  readonly timeoutMs: number;
  readonly endpoint: () => Endpoint;
  /** Whether this agent may write at all: a probe after the end of the lease would be an errant transaction. */
  readonly mayProbe: () => boolean;
  /** A probe found what cannot wait for the next check. */
  readonly urgent: () => void;
}

/** Whether a server that is open for writes can commit: others' commits show it, and without them a probe. */
export class CommitWatch {
  readonly #deps: Pick<AgentDeps, 'mysql' | 'clock'>;
  readonly #parts: CommitWatchParts;
  #found: CommitProbe | undefined;
  #probing = false;
  /** Grows by each {@link outdate}. */
  #changes = 0;
  /** The last time of a probe, or of other proof that it can commit. */
  #probedAt = -Infinity;
  /** The last time that somebody else committed. */
  #movedAt = -Infinity;
  /** A probe committed since the last check, so that its transaction is not taken for somebody else's. */
  #probed = false;

  constructor(deps: Pick<AgentDeps, 'mysql' | 'clock'>, parts: CommitWatchParts) {
    this.#deps = deps;
    this.#parts = parts;
  }

  /** What a probe that is under way finds is of the past. */
  outdate(): void {
    this.#changes += 1;
  }

  /** Writes have just been opened or closed. */
  restart(): void {
    this.outdate();
    this.forget();
    this.#probedAt = this.#deps.clock.monotonic();
  }

  /** Nobody writes there. */
  forget(): void {
    this.#found = undefined;
  }

  /** `moved`: transactions were executed since the last check. The probe runs beside the checks, for it may hang. */
  check(moved: boolean): LocalCheck {
    const now = this.#deps.clock.monotonic();
    const check = checkOf(this.#found);
    const failed = check.kind !== 'answers';
    if (moved && !this.#probed) this.#movedAt = now;
    if (moved && !failed) this.#probedAt = now;
    this.#probed = false;
    if (!this.#probing && this.#parts.mayProbe() && (failed || now >= this.#nextProbe()))
      void this.#probe(now);
    return check;
  }

  /** After 1, 2, 4... s without anybody's commit. */
  #nextProbe(): number {
    return this.#probedAt + Math.min(Math.max(this.#probedAt - this.#movedAt, firstProbeMs), longestProbeMs);
  }

  async #probe(now: number): Promise<void> {
    const { endpoint, timeoutMs, urgent } = this.#parts;
    this.#probing = true;
    this.#probedAt = now;
    const changes = this.#changes;
    const outcome = await this.#deps.mysql.commitProbe(endpoint(), { timeoutMs });
    this.#probing = false;
    this.#probed = outcome.kind === 'committed';
    if (changes !== this.#changes) return;
    const recovered = this.#found?.kind === 'stalled' && outcome.kind !== 'stalled';
    this.#found = outcome;
    if (outcome.kind === 'stalled' || outcome.kind === 'read-only-fs' || recovered) urgent();
  }
}

/** What the last probe means; another refusal or loss shows in the next check itself. */
function checkOf(probe: CommitProbe | undefined): LocalCheck {
  if (probe?.kind === 'stalled') return { kind: 'cannot-commit', why: probe.message };
  if (probe?.kind === 'read-only-fs') return { kind: 'read-only-fs', why: probe.message };
  return { kind: 'answers', commits: probe?.kind === 'committed' ? 'fine' : 'not-tried' };
}

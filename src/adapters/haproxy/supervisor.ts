import { toDcmhaError } from '../../core/model/errors.ts';
import type { Clock, Log } from '../../ports/system.ts';

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly isAlive: () => boolean;
  /** Whether the runtime socket answers. */
  readonly answers: () => Promise<boolean>;
  readonly kill: () => Promise<void>;
  readonly revive: () => Promise<void>;
  readonly tidy: () => Promise<void>;
}

const lookEveryMs = 250;
const askEveryMs = 2000;
/** Silent this often in a row, it is hung. */
const silences = 3;
const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** A process that lived this long died of something new: it is started again at once. */
const settledMs = 10_000;

/** Keeps a process alive: started again at once when it dies, ever later when it dies again and again, killed when it hangs. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #wake = new AbortController();
  #pauseMs = 0;
  #revivedAt = Number.NEGATIVE_INFINITY;
  #askedAt = 0;
  #silent = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#running ??= this.#run();
  }

  /** Look now. */
  wake(): void {
    this.#wake.abort();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#ended()) {
      try {
        await this.#look();
      } catch (error) {
        log.warn('haproxy could not be looked after', { error: toDcmhaError(error).message });
      }
      await clock.pause(lookEveryMs, this.#wake.signal);
      if (!this.#ended()) this.#wake = new AbortController();
    }
  }

  async #look(): Promise<void> {
    if (!this.#options.isAlive()) return this.#revive();
    await this.#options.tidy();
    await this.#listen();
  }

  #ended(): boolean {
    return this.#stop.signal.aborted;
  }

  async #revive(): Promise<void> {
    const { clock, log, revive } = this.#options;
    const now = clock.monotonic();
    if (now - this.#revivedAt > settledMs) this.#pauseMs = 0;
    log.warn('haproxy is not running and is started', { afterMs: this.#pauseMs });
    await clock.pause(this.#pauseMs, this.#stop.signal);
    if (this.#ended()) return;
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs);
    this.#revivedAt = clock.monotonic();
    await revive();
  }

  async #listen(): Promise<void> {
    const { clock, log, answers, kill } = this.#options;
    if (clock.monotonic() - this.#askedAt < askEveryMs) return;
    this.#askedAt = clock.monotonic();
    this.#silent = (await answers()) ? 0 : this.#silent + 1;
    if (this.#silent < silences) return;
    log.error('haproxy hangs and is killed');
    this.#silent = 0;
    await kill();
  }
}

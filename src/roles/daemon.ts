import { toDcmhaError } from '../core/model/errors.ts';
import type { Clock, Log } from '../ports/system.ts';

/** One of the things that a role does all the time. */
export interface Loop {
  readonly name: string;
  /** Returns when `signal` aborts, soon. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** end: the role cannot do without it, and ends with its error. restart: it is begun again after a growing pause. */
  readonly onFailure: 'restart' | 'end';
}

interface Running {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  /** How long the loops have to end once asked to, ms. */
  readonly graceMs?: number;
}

const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A loop that ran this long before it failed has recovered: its next pause is the first again. */
const recoveredMs = 60_000;
const usualGraceMs = 5000;

/**
 * Runs all loops until `signal` aborts, or one that ends the role fails; then asks the others to end and waits for them.
 * Throws the failure that ended the role.
 */
export async function runLoops(loops: readonly Loop[], running: Running): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  running.signal.addEventListener('abort', end, { once: true });
  if (running.signal.aborted) end();
  const failures: unknown[] = [];
  const all = loops.map(async (loop) => {
    try {
      // One of its own for each: a signal warns when more than ten listen to it.
      const own = new AbortController();
      stop.signal.addEventListener('abort', () => own.abort(), { once: true });
      if (stop.signal.aborted) own.abort();
      await keepRunning(loop, { ...running, signal: own.signal });
    } catch (error) {
      failures.push(error);
      end();
    }
  });
  await ended(Promise.all(all), stop.signal, running);
  running.signal.removeEventListener('abort', end);
  if (failures.length > 0) throw toDcmhaError(failures[0]);
}

async function keepRunning(loop: Loop, { signal, clock, log }: Running): Promise<void> {
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    const began = clock.monotonic();
    try {
      await loop.run(signal);
      return;
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      log.error('loop failed', { loop: loop.name, code: error.code, error: error.message, ...error.details });
      if (loop.onFailure === 'end') throw error;
    }
    if (clock.monotonic() - began > recoveredMs) pauseMs = firstPauseMs;
    await clock.pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}

/** Waits for the loops, and past the grace after the end was asked for no longer. */
async function ended(
  all: Promise<unknown>,
  signal: AbortSignal,
  { clock, log, graceMs }: Running,
): Promise<void> {
  const done = new AbortController();
  const late = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
      done.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await clock.pause(graceMs ?? usualGraceMs, done.signal);
    if (!done.signal.aborted) log.warn('some loops did not end in time');
  };
  await Promise.race([all, late()]);
  done.abort();
}

/** The part of `process` that tells of signals. */
interface SignalSource {
  once(event: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/** A signal that aborts at the first SIGTERM or SIGINT; the second SIGINT ends the program the usual way, for nobody listens any more. */
export function abortOnSignals(source: SignalSource): AbortSignal {
  const controller = new AbortController();
  source.once('SIGTERM', () => controller.abort());
  source.once('SIGINT', () => controller.abort());
  return controller.signal;
}

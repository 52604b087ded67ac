import type { Alerts, AlertSink } from '../../ports/alerts.ts';
import type { Clock, Log } from '../../ports/system.ts';
import type { Alert, AlertKind, AlertSubject } from '../model/alert.ts';
import { toDcmhaError } from '../model/errors.ts';

interface Standing {
  readonly since: number;
  toldAt: number;
  /** How often it was raised since it was told. */
  seen: number;
}

export interface AlertDeskOptions {
  readonly sinks: readonly AlertSink[];
  readonly clock: Clock;
  readonly log: Log;
  /** A standing condition is told again after, ms. */
  readonly repeatMs: number;
}

/** At most this many alerts wait for a sink that hangs; then the oldest are dropped, and the log says so. */
const longestQueue = 100;

/**
 * Takes alerts, folds repeated ones, and hands them to the sinks: each sink has its own queue, so one that hangs delays neither the
 * others nor the caller. Every alert is in the log, whatever the sinks do.
 */
export class AlertDesk implements Alerts {
  readonly #options: AlertDeskOptions;
  readonly #standing = new Map<string, Standing>();
  readonly #queues: readonly SinkQueue[];

  constructor(options: AlertDeskOptions) {
    this.#options = options;
    this.#queues = options.sinks.map((sink) => new SinkQueue(sink, options.log));
  }

  event(kind: AlertKind, subject: AlertSubject, text: string, fields: Alert['fields'] = {}): void {
    this.#send({ ...subject, kind, state: 'event', text, fields, at: this.#options.clock.now(), count: 1 });
  }

  raise(kind: AlertKind, subject: AlertSubject, text: string, fields: Alert['fields'] = {}): void {
    const at = this.#options.clock.now();
    const key = keyOf(kind, subject);
    const standing = this.#standing.get(key);
    if (standing === undefined) {
      this.#standing.set(key, { since: at, toldAt: at, seen: 0 });
      this.#send({ ...subject, kind, state: 'raised', text, fields, at, count: 1 });
      return;
    }
    standing.seen += 1;
    if (at - standing.toldAt < this.#options.repeatMs) return;
    this.#send({ ...subject, kind, state: 'repeated', text, fields, at, count: standing.seen });
    standing.toldAt = at;
    standing.seen = 0;
  }

  end(kind: AlertKind, subject: AlertSubject, text: string): void {
    const standing = this.#standing.get(keyOf(kind, subject));
    if (standing === undefined) return;
    this.#standing.delete(keyOf(kind, subject));
    const at = this.#options.clock.now();
    this.#send({
      ...subject,
      kind,
      state: 'ended',
      text,
      fields: { lastedMs: at - standing.since },
      at,
      count: standing.seen,
    });
  }

  /** Resolves when every sink has been told of everything, or has failed to be. */
  async drained(): Promise<readonly string[]> {
    const failures = await Promise.all(this.#queues.map((queue) => queue.drained()));
    return failures.flat();
  }

  #send(alert: Alert): void {
    const { kind, state, text, group, host, region } = alert;
    const fields = { alert: kind, state, text, group, host, region, ...alert.fields };
    if (state === 'ended' || state === 'event') this.#options.log.info('alert', fields);
    else this.#options.log.error('alert', fields);
    for (const queue of this.#queues) queue.add(alert);
  }
}

function keyOf(kind: AlertKind, { group, host, region }: AlertSubject): string {
  return JSON.stringify([kind, group, host, region]);
}

/** Alerts on their way to one sink, one after the other. */
class SinkQueue {
  readonly #sink: AlertSink;
  readonly #log: Log;
  readonly #waiting: Alert[] = [];
  #failures: string[] = [];
  #working: Promise<void> | undefined;

  constructor(sink: AlertSink, log: Log) {
    this.#sink = sink;
    this.#log = log;
  }

  add(alert: Alert): void {
    this.#waiting.push(alert);
    if (this.#waiting.length > longestQueue) {
      this.#waiting.shift();
      this.#log.warn('alert dropped, its sink is too slow', { sink: this.#sink.name });
    }
    this.#working ??= this.#work();
  }

  async drained(): Promise<readonly string[]> {
    await this.#working;
    const failures = this.#failures;
    this.#failures = [];
    return failures;
  }

  async #work(): Promise<void> {
    for (let alert = this.#waiting.shift(); alert !== undefined; alert = this.#waiting.shift()) {
      try {
        await this.#sink.send(alert);
      } catch (thrown) {
        const error = toDcmhaError(thrown);
        this.#failures.push(`${this.#sink.name}: ${error.message}`);
        this.#log.warn('alert not delivered', {
          sink: this.#sink.name,
          code: error.code,
          error: error.message,
        });
      }
    }
    this.#working = undefined;
  }
}

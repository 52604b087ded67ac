import { eventsDue, isSame } from '../../core/decide/events.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import { readEventsRecord, writeEventsRecord, type EventsRecord } from '../../core/store/events.ts';
import type { EventName } from '../../ports/events.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { LeaseKeeper } from './lease.ts';

const everyMs = 5000;
const sqlMs = 5000;

/**
 * Scheduled events follow the primary: its agent keeps on record which ones run, since replicas hold all of them disabled alike, and enables on a
 * new primary what the former one ran. What is enabled here is disabled on the others by replication itself.
 */
export class EventKeeper {
  readonly #deps: AgentDeps;
  readonly #local: LocalServer;
  readonly #lease: LeaseKeeper;
  #said: string | undefined;

  constructor(deps: AgentDeps, parts: { readonly local: LocalServer; readonly lease: LeaseKeeper }) {
    this.#deps = deps;
    this.#local = parts.local;
    this.#lease = parts.lease;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look();
        this.#said = undefined;
      } catch (thrown) {
        this.#tell(toDcmhaError(thrown).message);
      }
      await this.#deps.clock.pause(everyMs, signal);
    }
  }

  async #look(): Promise<void> {
    const { tenure } = this.#lease;
    if (tenure === undefined || this.#local.writable !== true) return;
    const { group, epoch } = tenure;
    const { coordination, mysql } = this.#deps;
    const before = await readEventsRecord(coordination, group);
    if (before !== undefined && before.epoch > epoch) return;
    const here = await mysql.events(this.#local.endpoint, { timeoutMs: sqlMs });
    const due = eventsDue(before, here, epoch);
    if (due.startScheduler) await this.#startScheduler();
    // On record before it is done: an agent that ends in the middle goes on with what is pending.
    if (!isEqual(before, due.record)) await writeEventsRecord(coordination, group, due.record);
    const left: EventName[] = [];
    for (const event of due.enable) if (!(await this.#enable(event))) left.push(event);
    if (left.length < due.enable.length) {
      const done = due.enable.filter((event) => !left.some((other) => isSame(event, other)));
      const enabled = [...due.record.enabled, ...done];
      await writeEventsRecord(coordination, group, { ...due.record, enabled, pending: left });
    }
  }

  async #startScheduler(): Promise<void> {
    this.#deps.log.info('event scheduler started, as on the primary before');
    await this.#deps.mysql.startEventScheduler(this.#local.endpoint, { timeoutMs: sqlMs });
  }

  async #enable(event: EventName): Promise<boolean> {
    const name = `${event.schema}.${event.name}`;
    try {
      await this.#deps.mysql.enableEvent(this.#local.endpoint, event, { timeoutMs: sqlMs });
      this.#deps.log.info('event enabled, as on the primary before', { event: name });
      return true;
    } catch (thrown) {
      this.#tell(`${name} is not enabled: ${toDcmhaError(thrown).message}`);
      return false;
    }
  }

  #tell(why: string): void {
    if (why !== this.#said) this.#deps.log.warn('scheduled events', { why });
    this.#said = why;
  }
}

function isEqual(a: EventsRecord | undefined, b: EventsRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

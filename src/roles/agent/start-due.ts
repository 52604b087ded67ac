import {
  decideReplication,
  defaultChannel,
  isRunning,
  type ReplicationDecision,
} from '../../core/decide/replication.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import type { LocalServer } from './checks.ts';

/** Whether a default channel that is off was stopped by somebody who wanted that, or is for the agent to start. */
export class StartDue {
  readonly #local: Pick<LocalServer, 'status' | 'incarnation'>;
  /** What was in force when the channel was last seen running, so that a change makes it due again. */
  #settled = '';
  /** For what the agent itself stopped the receiver and did not start it again since, whenever it was seen running. */
  #halted = '';

  constructor(local: Pick<LocalServer, 'status' | 'incarnation'>) {
    this.#local = local;
  }

  decide(source: Endpoint, epoch: number): ReplicationDecision {
    const { status } = this.#local;
    if (status === undefined) return 'leave';
    const situation = this.#situation(source, epoch);
    const channel = defaultChannel(status);
    if (isRunning(channel) && sameEndpoint(channel?.source, source)) this.#settled = situation;
    const fresh = this.#settled !== situation || this.#halted === situation;
    return decideReplication(status, source, { fresh });
  }

  /** The agent is about to stop the receiver, to follow this source. */
  halt(source: Endpoint, epoch: number): void {
    this.#halted = this.#situation(source, epoch);
  }

  started(): void {
    this.#halted = '';
  }

  /** Whatever is left stopped is for the agent to start. */
  forget(): void {
    this.#settled = '';
  }

  #situation(source: Endpoint, epoch: number): string {
    return `${this.#local.incarnation} ${epoch} ${formatEndpoint(source)}`;
  }
}

import { toDcmhaError } from '../../core/model/errors.ts';
import type { AgentDeps } from './deps.ts';
import type { LeaseKeeper } from './lease.ts';
import type { AgentRecall } from './memory.ts';
import type { EpochOf } from './refusal.ts';
import type { GroupView } from './view.ts';

/** What this agent opened, or may have: remembered with whom to ask when ZooKeeper is away. */
export class OpenedHere {
  readonly #deps: AgentDeps;
  readonly #parts: { readonly lease: LeaseKeeper; readonly recall: AgentRecall; readonly view: GroupView };
  #seenClosed = false;

  constructor(
    deps: AgentDeps,
    parts: { readonly lease: LeaseKeeper; readonly recall: AgentRecall; readonly view: GroupView },
  ) {
    this.#deps = deps;
    this.#parts = parts;
  }

  /** The server was seen closed: whoever opens it after that, unless {@link begun} says so, is somebody else. */
  closed(): void {
    this.#seenClosed = true;
  }

  /** This agent has opened it, or has taken its lease. */
  begun(): void {
    this.#seenClosed = false;
  }

  /** After a restart, an epoch that was opened here and never fenced may be what is open. */
  get mayBeOurs(): boolean {
    const { lease, recall, view } = this.#parts;
    const { opened } = recall;
    if (lease.tenure !== undefined) return true;
    if (this.#seenClosed || opened === undefined) return false;
    return opened.group === view.facts?.group && opened.epoch > recall.fencedEpoch(opened.group);
  }

  /** Members come and go. */
  async keepPeers(): Promise<void> {
    const { tenure } = this.#parts.lease;
    if (tenure !== undefined) await this.remember(tenure);
  }

  /** Whom to ask when ZooKeeper is away, also after a restart of this agent. */
  async remember({ group, epoch }: EpochOf): Promise<void> {
    const { recall, lease } = this.#parts;
    try {
      const peers = lease.peers();
      if (peers !== undefined) await recall.opening({ group, epoch, peers: [...peers] });
    } catch (thrown) {
      this.#deps.log.error('cannot write the state file', { error: toDcmhaError(thrown).message });
    }
  }
}

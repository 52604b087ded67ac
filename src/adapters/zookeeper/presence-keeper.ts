import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import type { Coordination, Presence, Znode } from '../../ports/coordination.ts';
import type { Clock, Log } from '../../ports/system.ts';

/** What a keeper works with. `isOurs`: whether a session id is of this process, the current session or one before it. */
export interface PresenceTools {
  readonly store: Coordination;
  readonly isOurs: (owner: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** The node could not be made for a reason that will not pass by itself soon. */
const RETRY_MS = 1000;

/**
 * Keeps one ephemeral node what it should be, or away. Woken at every change of the node and after each connect, it looks at what
 * is there and does what is missing.
 */
export class PresenceKeeper implements Presence {
  readonly #tools: PresenceTools;
  readonly #path: string;
  readonly #ended = new AbortController();
  #wanted: string | undefined;
  #running: Promise<void> = Promise.resolve();
  #busy = false;
  #again = false;
  readonly #trouble = new Trouble();

  constructor(tools: PresenceTools, path: string, data: string) {
    this.#tools = tools;
    this.#path = path;
    this.#wanted = data;
    tools.store.watchData(path, () => void this.#settle().catch(() => undefined), this.#ended.signal);
    void this.#settle().catch(() => undefined);
  }

  async update(data: string): Promise<void> {
    if (this.#wanted === undefined) return;
    this.#wanted = data;
    await this.#settle();
  }

  async withdraw(): Promise<void> {
    this.#wanted = undefined;
    await this.#settle();
  }

  /** Leaves the node to another keeper, or to the end of the session. */
  end(): void {
    this.#ended.abort();
  }

  /** Never two at once; one that is asked for meanwhile follows. Rejects when the node is refused for good. */
  #settle(): Promise<void> {
    if (this.#busy) this.#again = true;
    else this.#running = this.#settleAll();
    return this.#running;
  }

  async #settleAll(): Promise<void> {
    this.#busy = true;
    try {
      do {
        this.#again = false;
        await this.#settleOnce();
      } while (this.#again as boolean);
      this.#trouble.over();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
    }
  }

  #failed(error: unknown): void {
    const { store, clock, log } = this.#tools;
    if (store.state() === 'closed') return;
    // Without a connection the next one wakes us; this is for a call that was lost while it stands, and for what was refused.
    void clock.pause(RETRY_MS, this.#ended.signal).then(() => this.#settle().catch(() => undefined));
    if (hasCode(error, 'SESSION_LOST')) return;
    const { message } = toDcmhaError(error);
    if (this.#trouble.isNews(message))
      log.error('presence node failed', { path: this.#path, error: message });
    throw error;
  }

  async #settleOnce(): Promise<void> {
    if (this.#isEnded() || this.#tools.store.state() !== 'connected') return;
    const node = await this.#tools.store.read(this.#path);
    if (this.#isEnded()) return;
    if (this.#wanted === undefined) {
      if (node?.owner !== undefined && this.#tools.isOurs(node.owner)) await this.#remove(node);
      this.end();
    } else if (node === undefined) {
      await this.#create(this.#wanted);
    } else {
      await this.#correct(node, this.#wanted);
    }
  }

  /** Another process' node is left alone: the watch tells when it is gone. */
  async #correct(node: Znode, wanted: string): Promise<void> {
    const { store, log, isOurs } = this.#tools;
    if (node.owner === store.sessionId()) {
      if (node.data.toString('utf8') === wanted) return;
      await this.#unlessChanged(store.write(this.#path, wanted, node.version));
    } else if (node.owner === undefined || isOurs(node.owner)) {
      // Left by a session of ours that is over, or made by hand: it would never speak for us.
      log.warn('presence node of another session removed', { path: this.#path, owner: node.owner });
      await this.#remove(node);
      this.#again = true;
    }
  }

  #isEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  async #create(data: string): Promise<void> {
    const { store } = this.#tools;
    try {
      await store.create(this.#path, data, 'ephemeral');
    } catch (error) {
      if (hasCode(error, 'ZNODE_EXISTS')) this.#again = true;
      else if (hasCode(error, 'ZNODE_MISSING')) await this.#createParents();
      else throw error;
    }
  }

  async #createParents(): Promise<void> {
    const { store } = this.#tools;
    const parts = this.#path.split('/').slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) {
      await store.create(`/${parts.slice(0, depth).join('/')}`, '').catch((error: unknown) => {
        if (!hasCode(error, 'ZNODE_EXISTS')) throw error;
      });
    }
    this.#again = true;
  }

  #remove({ version }: Znode): Promise<void> {
    return this.#unlessChanged(this.#tools.store.remove(this.#path, version));
  }

  /** Somebody else writes the node, too: who renews a lease by it. Then it is looked at again. */
  async #unlessChanged(change: Promise<unknown>): Promise<void> {
    try {
      await change;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw error;
      this.#again = true;
    }
  }
}

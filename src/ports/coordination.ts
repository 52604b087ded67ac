/** One znode as read. */
export interface Znode {
  readonly data: Buffer;
  readonly version: number;
  /** The session id that owns an ephemeral node, as text; undefined for a persistent one. */
  readonly owner: string | undefined;
  /** When it was last written, ms since 1970 by the ensemble's clock. */
  readonly modifiedAt: number;
}

export type CreateMode = 'persistent' | 'ephemeral' | 'sequential';

/** An ephemeral node that lives as long as this process wants it: made again after every session expiry. */
export interface Presence {
  /** Publishes new content; resolves when it stands in ZooKeeper (or will, at the next session). */
  update(data: string): Promise<void>;
  /** Withdraws it: deletes the node and stops making it again. */
  withdraw(): Promise<void>;
}

export type SessionState = 'connecting' | 'connected' | 'closed';

/**
 * The shared store (ZooKeeper). Paths are relative to the installation's root: `/master/g1`. Calls are answered in the order in which they were made, so
 * that a read that is asked for after a `sync`, or another read, need not wait for its answer.
 * Every call has the session's own deadline; on a lost connection it throws `SESSION_LOST`, and the caller may try again: a
 * write that failed so may have been made all the same. `ZNODE_DENIED`: the node's ACL does not let us; `ZNODE_TOO_LARGE`: more
 * than about 1 MB, refused before it is sent (a server closes the connection of whoever sends it).
 */
export interface Coordination {
  /** undefined when there is no such node. */
  read(path: string): Promise<Znode | undefined>;
  /** Names of the children, sorted; [] when there is no such node. */
  children(path: string): Promise<readonly string[]>;
  /** Returns the path made (differs for sequential). Throws `ZNODE_EXISTS`, `ZNODE_MISSING` (no parent). */
  create(path: string, data: string, mode?: CreateMode): Promise<string>;
  /** Sets the data; returns the new version. Throws `ZNODE_CONFLICT` when `expectedVersion` is not the node's, `ZNODE_MISSING`. */
  write(path: string, data: string, expectedVersion?: number): Promise<number>;
  /** False when it was not there. Throws `ZNODE_CONFLICT` for another version, and when it has children. */
  remove(path: string, expectedVersion?: number): Promise<boolean>;
  /** Flushes the leader's changes to the server we read from: after it, a read proves contact with the ensemble. */
  sync(path: string): Promise<void>;
  /**
   * Calls `wake` after each change of the node's data or existence, and once after each reconnect or new session, so that
   * whoever reads at each wake misses nothing. What changed is not told, quick changes share a wake: look at everything again.
   * Stops when `signal` aborts. `lateMs`: of a node that is written again and again, so much later is soon enough, but for the first change
   * after a calm: a wake costs the ensemble two messages. Default 0.
   */
  watchData(path: string, wake: () => void, signal: AbortSignal, lateMs?: number): void;
  /** The same for the set of children. */
  watchChildren(path: string, wake: () => void, signal: AbortSignal): void;
  /**
   * Keeps an ephemeral node; missing parents are made. One that another session owns is waited for, then taken over once it is
   * gone. A second call for the same path replaces the first.
   */
  present(path: string, data: string): Presence;
  /** As the client library believes; not evidence (a blocked loop or a cut network is noticed late). */
  state(): SessionState;
  /** The negotiated session timeout, ms. */
  sessionTimeoutMs(): number;
  /** The current session's id as text, to compare with a znode's owner. */
  sessionId(): string | undefined;
  /** Told at every change of {@link state} and every new session. */
  onState(listener: (state: SessionState) => void, signal: AbortSignal): void;
}

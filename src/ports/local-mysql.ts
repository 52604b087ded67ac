import type { Endpoint } from '../core/model/endpoint.ts';
import type { CallOptions } from './mysql.ts';

/** An idle connection to the host's own server: its end is the fastest news of mysqld's death. */
export interface LocalLink {
  readonly serverUuid: string;
  /** As the server says it, made absolute. */
  readonly pidFile: string;
  readonly datadir: string;
  close(): void;
}

/** How a primary's commits fare. `waiting`: the longest a session has been waiting in commit, ms. */
export type CommitProbe =
  | { readonly kind: 'committed' }
  | { readonly kind: 'waiting'; readonly forMs: number }
  | { readonly kind: 'failed'; readonly errno: number; readonly message: string };

/** What only the agent asks, of the server on its own host. Errors as in `Mysql`. */
export interface LocalMysql {
  /** Opens a connection and keeps it; `lost` is called once, at once, when it ends other than by `close`. */
  link(server: Endpoint, lost: (why: string) => void, options: CallOptions): Promise<LocalLink>;
  /**
   * Looks whether commits come through, without writing anything that replicates: how long sessions have been waiting in
   * commit (a full disk, a hung disk, a semi-sync source without its replica). Throws `TIMED_OUT` past the deadline.
   */
  commitProbe(server: Endpoint, options: CallOptions): Promise<CommitProbe>;
}

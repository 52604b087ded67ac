import type { Endpoint } from '../core/model/endpoint.ts';
import type { CallOptions } from './call-options.ts';

/** What a server says of the last CLONE into it; `begunAt` tells it from others. */
export type CloneStanding =
  | { readonly kind: 'none' }
  /** `hasDropped`: the server's own data is gone, and super_read_only is in its way no longer. */
  | {
      readonly kind: 'running';
      readonly begunAt: string;
      readonly hasDropped: boolean;
      readonly copiedBytes: number;
    }
  /** It ended before it touched the server's data. */
  | { readonly kind: 'refused'; readonly begunAt: string; readonly why: string }
  /** It broke off after it had dropped the server's data, binary logs and GTIDs: what is there is neither the old nor the new. */
  | { readonly kind: 'half'; readonly begunAt: string; readonly why: string }
  /** `donor` is `host:port`. */
  | { readonly kind: 'complete'; readonly begunAt: string; readonly donor: string };

/** What of a server matters to a CLONE, on either side. */
export interface CloneFacts {
  /** Such as `9.7.4-debug`. */
  readonly version: string;
  /** Whether the plugin is loaded. */
  readonly isActive: boolean;
  readonly executed: string;
  /** Tables of engines other than InnoDB, a few: a CLONE leaves them empty. */
  readonly strangers: readonly { readonly table: string; readonly engine: string }[];
  /** What its InnoDB files take of the disk. */
  readonly sizeBytes: number;
}

/** Overwriting a server with a copy of another. Throws as `Mysql` does; no message holds the password. */
export interface Cloning {
  facts(server: Endpoint, options: CallOptions): Promise<CloneFacts>;
  standing(server: Endpoint, options: CallOptions): Promise<CloneStanding>;
  /** Loads the plugin unless it is loaded. Needs super_read_only off. */
  install(server: Endpoint, options: CallOptions): Promise<void>;
  /**
   * Overwrites `server` with what `donor` has. Needs super_read_only off until `hasDropped`. Resolves when the server has ended, or ends,
   * to start anew with the copy: whether it is there, `standing` tells then.
   */
  clone(server: Endpoint, donor: Endpoint, options: CallOptions): Promise<void>;
}

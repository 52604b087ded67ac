import type { Endpoint } from '../core/model/endpoint.ts';
import type { CallOptions } from './call-options.ts';

/** The source's side of semi-synchronous replication on one server, as it is set and as it goes. */
export interface SemiSyncSource {
  readonly enabled: boolean;
  /** In force: enough replicas are attached. */
  readonly on: boolean;
  /** Replicas attached that acknowledge. */
  readonly clients: number;
  /** Acknowledgements that a commit waits for, how long, and whether it waits though too few replicas are attached. */
  readonly acks: number;
  readonly timeoutMs: number;
  readonly waitWithoutReplicas: boolean;
  /** Commits that wait now. */
  readonly waiting: number;
  /** Commits that were acknowledged, and that were not, since mysqld started. */
  readonly acknowledged: number;
  readonly unacknowledged: number;
}

export interface SourceSettings {
  readonly enabled: boolean;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly waitWithoutReplicas: boolean;
}

/** undefined: that plugin is not loaded. */
export interface SemiSyncStatus {
  readonly source: SemiSyncSource | undefined;
  readonly replica: { readonly enabled: boolean; readonly on: boolean } | undefined;
}

/** The semi-synchronous plugins of MySQL servers, by their old and new names. Throws as `Mysql` does. */
export interface SemiSync {
  status(server: Endpoint, options: CallOptions): Promise<SemiSyncStatus>;
  /** The limits first, then on; a server without the plugin is left as it is. */
  setSource(server: Endpoint, settings: SourceSettings, options: CallOptions): Promise<void>;
  disableSource(server: Endpoint, options: CallOptions): Promise<void>;
  /** Takes effect when the receiver connects next. */
  setReplica(server: Endpoint, enabled: boolean, options: CallOptions): Promise<void>;
}

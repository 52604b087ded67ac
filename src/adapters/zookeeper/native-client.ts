import ZooKeeper from 'zookeeper';

/** A node's metadata as the C client gives it; session ids are hexadecimal, `0` for none. */
export interface NativeStat {
  readonly version: number;
  readonly ephemeralOwner: string;
  readonly mtime: Date;
}

export interface NativeAcl {
  readonly perms: number;
  readonly scheme: string;
  readonly auth: string;
}

/** The result code first, 0 is success; then a text for it. */
type Done<T extends unknown[]> = (rc: number, text: string, ...result: T) => void;

/** A session event, or a fired watch with its path in second place. */
type Listener = (client: unknown, detail: unknown) => void;

/**
 * The calls of package `zookeeper` that are used here. Each returns a negative code, and never calls back, when nothing was sent.
 * They are the ones below its promises, which tell result codes in the text of an error only. Not here, because it kills the
 * process on a node that does not exist: `a_get_acl`.
 */
export interface NativeClient {
  init(config: NativeConfig): unknown;
  close(): unknown;
  on(event: NativeEvent, listener: Listener): unknown;
  /** Aborts the process without its callback, which may be called before the server has answered, when the connection ends. */
  add_auth(scheme: string, auth: string, done: Done<[]>): unknown;
  a_get(path: string, watch: boolean, done: Done<[NativeStat, Buffer | null]>): unknown;
  a_exists(path: string, watch: boolean, done: Done<[NativeStat]>): unknown;
  a_get_children(path: string, watch: boolean, done: Done<[string[]]>): unknown;
  a_create(path: string, data: Buffer, flags: number, done: Done<[string]>): unknown;
  a_set(path: string, data: Buffer, version: number, done: Done<[NativeStat]>): unknown;
  a_delete_(path: string, version: number, done: Done<[]>): unknown;
  a_set_acl(path: string, version: number, acl: readonly NativeAcl[], done: Done<[]>): unknown;
  a_sync(path: string, done: Done<[]>): unknown;
  readonly state: number;
  readonly client_id: string;
  readonly client_password: string;
  /** The negotiated session timeout, ms. */
  readonly timeout: number;
}

export type NativeEvent = 'connect' | 'connecting' | 'close' | NativeWatchEvent;
export type NativeWatchEvent = 'created' | 'deleted' | 'changed' | 'child';

export interface NativeConfig {
  readonly connect: string;
  readonly timeout: number;
  /** 0 silences the client altogether; any other level writes to stdout and stderr. */
  readonly debug_level: 0;
  /** After so many reads in a row that end within an answer, the client takes itself for expired: ten of them, unless told. */
  readonly response_counter_limit: number;
  readonly client_id?: string;
  readonly client_password?: string;
}

export const CLIENT_SETTINGS = {
  debug_level: 0,
  // A large node comes in many pieces.
  response_counter_limit: 2 ** 31 - 1,
} as const;

export const CONNECTING_STATE = 1;
/** The server has the connection, and has not answered yet. */
export const ASSOCIATING_STATE = 2;
export const CONNECTED_STATE = 3;
/** The server refused the credentials, and closed the connection. */
export const AUTH_FAILED_STATE = -113;
/** It has no connection: it has not begun to make one, or a call has just failed to be sent. */
export const NOT_CONNECTED_STATE = 999;
export const FLAG_EPHEMERAL = 1;
export const FLAG_SEQUENCE = 2;
export const ANY_VERSION = -1;
const PERM_READ = 1;
/** create, delete, read, write, admin. */
const PERM_ALL = 31;

/** A client that has not connected yet. */
export function newNativeClient(): NativeClient {
  const client: unknown = new ZooKeeper({});
  // Its own declarations say `any` for nearly everything.
  return client as NativeClient;
}

/** The access list of every node: all for the installation's user, nothing or reading for the others. */
export function accessList(digestId: string, worldReadable: boolean): readonly NativeAcl[] {
  const own = { perms: PERM_ALL, scheme: 'digest', auth: digestId };
  return worldReadable ? [own, { perms: PERM_READ, scheme: 'world', auth: 'anyone' }] : [own];
}

import type { Route } from '../model/group.ts';

/** How HAProxy asks the router whether the write side may be open (see `renderConfig`). */
export interface LeaseCheck {
  readonly port: number;
  readonly intervalMs: number;
  /** Failed checks in a row that close the write side. */
  readonly fall: number;
}

export interface RenderOptions {
  readonly group: string;
  readonly route: Route;
  /** The file's path, for messages. */
  readonly file: string;
  /** Path of the runtime socket. */
  readonly socket: string;
  readonly lease: LeaseCheck;
}

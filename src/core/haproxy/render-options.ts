import type { Placement } from '../decide/read-placement.ts';
import type { Route } from '../model/group.ts';
import type { LeaseCheck } from './lease-check.ts';

export interface RenderOptions {
  readonly group: string;
  readonly route: Route;
  /** The file's path, for messages. */
  readonly file: string;
  /** Path of the runtime socket. */
  readonly socket: string;
  readonly lease: LeaseCheck;
  /** How the read servers are used; without it, as the file has it. */
  readonly placement?: Placement | undefined;
  /** Path of the script that holds new connections; undefined: this haproxy runs none. */
  readonly holdScript: string | undefined;
}

import { readlinkSync } from 'node:fs';
import { identify, type ProcessId, stateOf } from './process.ts';

/** What a process puts into the names of what it must remove, for who finds it once it could not: `NAMESPACE.PID.START`. */
export type OwnerTag = string;

export const tagPattern = /\d+\.\d+\.\d+/;

/** A pid says nothing in another pid namespace, as a container that shares the temporary directory has. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}

export function tagOf({ pid, startTicks }: ProcessId): OwnerTag {
  return `${pidNamespace()}.${pid}.${startTicks}`;
}

export function ownTag(): OwnerTag {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('this process is not in /proc');
  return tagOf(self);
}

/** Whether the owner has ended for sure; one that cannot be seen from here may live. */
export function hasEnded(tag: OwnerTag): boolean {
  const [namespace, pid, startTicks = ''] = tag.split('.');
  return namespace === pidNamespace() && stateOf({ pid: Number(pid), startTicks }) === 'stopped';
}

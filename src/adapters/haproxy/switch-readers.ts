import { DcmhaError, hasCode } from '../../core/model/errors.ts';
import type { ReaderChange } from '../../core/haproxy/reconcile-readers.ts';
import type { Runtime } from './runtime.ts';

/** Makes one change of the read side. Throws `PROXY_REJECTED` when only a reload can. */
export async function changeReader(runtime: Runtime, change: ReaderChange): Promise<void> {
  const server = `read/${change.name}`;
  switch (change.kind) {
    case 'retire':
      return runtime.order(`set server ${server} state maint`);
    case 'enable':
      return runtime.order(`set server ${server} state ready`);
    case 'weigh':
      return runtime.order(`set server ${server} weight ${change.weight}`);
    case 'move': {
      const [host, port] = hostAndPort(change.address);
      // Sessions of the former address would later count as the new one's.
      await runtime.order(`set server ${server} state maint`, `shutdown sessions server ${server}`);
      return runtime.order(
        `set server ${server} addr ${host} port ${port}`,
        `set server ${server} state ready`,
      );
    }
    case 'add': {
      const { address, options } = change;
      await runtime.order(`add server ${server} ${address} ${options}`);
      const check = options.split(' ').includes('check') ? [`enable health ${server}`] : [];
      return runtime.order(...check, `set server ${server} state ready`);
    }
  }
}

function hostAndPort(address: string): readonly [string, string] {
  const match = /^\[?(.*?)\]?:(\d+)$/.exec(address);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new DcmhaError('PROXY_REJECTED', `${address} cannot be set at run time`, { details: { address } });
  }
  return [match[1], match[2]];
}

/**
 * Deletes servers that were taken off the read list and have no session left; with `cut` the sessions that are left are ended first.
 * Returns the names of those that are gone.
 */
export async function removeRetired(
  runtime: Runtime,
  names: readonly string[],
  cut: (name: string) => boolean,
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const name of names) {
    if (cut(name)) await runtime.order(`shutdown sessions server read/${name}`);
    try {
      await runtime.order(`del server read/${name}`);
      gone.push(name);
    } catch (error) {
      // It still has sessions, or another element of the file refers to it: it stays, closed.
      if (!hasCode(error, 'PROXY_REJECTED')) throw error;
    }
  }
  return gone;
}

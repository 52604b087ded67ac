import { agentApi } from '../core/peer/agent-api.ts';
import { callPeer } from '../core/peer/api.ts';
import { hasCode } from '../core/model/errors.ts';
import { listGroups } from '../core/store/inventory.ts';
import type { Coordination } from '../ports/coordination.ts';
import type { Context } from './context.ts';
import { readGroupStatus, type GroupStatus, type StatusOptions } from './group-status.ts';

const askTimeoutMs = 500;

/** A group whose nodes cannot be read; the others are shown all the same. */
export interface MalformedGroup {
  readonly group: string;
  readonly malformed: string;
}

/** What of one group, or of all, is told by ZooKeeper and, about lag, by the agents. Throws `NOT_FOUND` for a group that is not there. */
export type LookAtGroups = (group?: string) => Promise<readonly (GroupStatus | MalformedGroup)[]>;

/** Connects once, to look often. */
export async function lookAtGroups(context: Context, store: Coordination): Promise<LookAtGroups> {
  const askLag = await lagAsker(context);
  return async (group) => {
    const groups = group === undefined ? await listGroups(store) : [group];
    const options = { agentPort: context.config.agent.port, now: context.clock.now(), askLag };
    return Promise.all(groups.map((name) => readOne(store, name, options)));
  };
}

/** Asks agents; without the secret that they answer to, nobody is asked, and what they told last is shown. */
async function lagAsker(context: Context): Promise<StatusOptions['askLag']> {
  try {
    const { caller } = await context.peers();
    return async ({ agent }) => {
      const call = { method: 'status', params: {}, timeoutMs: askTimeoutMs } as const;
      return (await callPeer(caller, agentApi, agent, call).catch(() => undefined))?.lagMs;
    };
  } catch (error) {
    if (!hasCode(error, 'CONFIG_INVALID')) throw error;
    return () => Promise.resolve(undefined);
  }
}

async function readOne(
  store: Coordination,
  group: string,
  options: StatusOptions,
): Promise<GroupStatus | MalformedGroup> {
  try {
    return await readGroupStatus(store, group, options);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    return { group, malformed: error.message };
  }
}

import type { Coordination } from '../../ports/coordination.ts';
import { ZookeeperCoordination } from './coordination.ts';
import type { ZookeeperOptions } from './options.ts';

/**
 * Connects to ZooKeeper. The object keeps itself connected until it is disposed, which ends its session: its presences vanish at
 * once. Throws `CONFIG_INVALID` for a malformed `hosts`, `SESSION_LOST` naming the servers when
 * none answers in time.
 */
export async function connectZookeeper(options: ZookeeperOptions): Promise<Coordination & AsyncDisposable> {
  const coordination = new ZookeeperCoordination(options);
  if (options.awaitSession === false) return coordination;
  try {
    await coordination.untilConnected(options.connectTimeoutMs ?? options.sessionTimeoutMs);
    return coordination;
  } catch (error) {
    await coordination[Symbol.asyncDispose]();
    throw error;
  }
}

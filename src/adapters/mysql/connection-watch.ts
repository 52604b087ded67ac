import { setTimeout as pause } from 'node:timers/promises';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { Log } from '../../ports/system.ts';
import { Deadline } from '../system/deadline.ts';
import type { SessionPool } from './session-pool.ts';

const RETRY_MS = 200;

/** See `Mysql.watchConnection`. */
export async function watchConnection(
  pool: SessionPool,
  watch: {
    readonly server: Endpoint;
    readonly connectTimeoutMs: number;
    readonly onLost: (code: string) => void;
    readonly signal: AbortSignal;
    readonly log: Log;
  },
): Promise<void> {
  const { server, signal, log } = watch;
  while (!signal.aborted) {
    try {
      const session = await pool.connect(server, new Deadline({ timeoutMs: watch.connectTimeoutMs, signal }));
      log.debug('watching a connection', { server: formatEndpoint(server) });
      const code = await session.untilLost(signal);
      if (code === undefined) session.close();
      else watch.onLost(code);
    } catch (error) {
      log.debug('no connection to watch', { code: toDcmhaError(error).code });
    }
    await pause(RETRY_MS, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
  }
}

import type { CallOptions } from '../../ports/call-options.ts';
import type { Probe } from '../../ports/mysql.ts';
import type { RegionalServers } from '../../ports/regional.ts';
import type { RegionalSource } from '../../core/regional/link.ts';
import { Deadline } from '../system/deadline.ts';
import { probeServer } from './probe.ts';
import { SessionPool } from './session-pool.ts';
import type { Login } from './session.ts';

export interface RegionalSettings {
  readonly user: string;
  readonly password: string;
  /** Where TLS is wanted. */
  readonly ssl: NonNullable<Login['ssl']>;
  readonly connectTimeoutMs: number;
}

/** Two pools of few connections: TLS is a matter of each server. */
export function createRegionalServers(settings: RegionalSettings): RegionalServers & AsyncDisposable {
  const { user, password, connectTimeoutMs } = settings;
  const pool = (ssl: Login['ssl']): SessionPool =>
    new SessionPool(
      { user, password, ssl, socketOf: () => undefined, secrets: [password] },
      connectTimeoutMs,
    );
  const [plain, secure] = [pool(undefined), pool(settings.ssl)];
  return {
    probe({ endpoint, ssl }: RegionalSource, options: CallOptions): Promise<Probe> {
      return probeServer(ssl ? secure : plain, endpoint, new Deadline(options));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([plain.close(), secure.close()]);
    },
  };
}

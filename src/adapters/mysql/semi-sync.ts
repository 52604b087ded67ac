import type { Endpoint } from '../../core/model/endpoint.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { SemiSync, SemiSyncSource, SemiSyncStatus, SourceSettings } from '../../ports/semi-sync.ts';
import { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';
import { SessionPool } from './session-pool.ts';
import type { Login } from './session.ts';

/** One connection per server that is asked, until disposed. */
export function createSemiSync(login: Login, connectTimeoutMs: number): SemiSync & AsyncDisposable {
  return new SemiSyncServers(new SessionPool(login, connectTimeoutMs));
}

class SemiSyncServers implements SemiSync, AsyncDisposable {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  status(server: Endpoint, options: CallOptions): Promise<SemiSyncStatus> {
    return this.#pool.within(server, options, async (session, deadline) => {
      const words = await readWords(session, deadline);
      return { source: sourceOf(words), replica: replicaOf(words) };
    });
  }

  setSource(server: Endpoint, settings: SourceSettings, options: CallOptions): Promise<void> {
    return this.#pool.within(server, options, async (session, deadline) => {
      const role = nameOf(await readWords(session, deadline), 'source');
      if (role === undefined) return;
      const { acks, timeoutMs, waitWithoutReplicas, enabled } = settings;
      const replica = role === 'source' ? 'replica' : 'slave';
      const assignments = [
        `wait_for_${replica}_count = ${acks}`,
        `wait_no_${replica} = ${waitWithoutReplicas ? 1 : 0}`,
        `timeout = ${timeoutMs}`,
        `enabled = ${enabled ? 1 : 0}`,
      ];
      for (const assignment of assignments)
        await session.query(`SET GLOBAL rpl_semi_sync_${role}_${assignment}`, [], deadline);
    });
  }

  disableSource(server: Endpoint, options: CallOptions): Promise<void> {
    return this.#enable(server, { side: 'source', enabled: false }, options);
  }

  setReplica(server: Endpoint, enabled: boolean, options: CallOptions): Promise<void> {
    return this.#enable(server, { side: 'replica', enabled }, options);
  }

  #enable(
    server: Endpoint,
    { side, enabled }: { readonly side: Side; readonly enabled: boolean },
    options: CallOptions,
  ): Promise<void> {
    return this.#pool.within(server, options, async (session, deadline) => {
      const role = nameOf(await readWords(session, deadline), side);
      if (role === undefined) return;
      await session.query(`SET GLOBAL rpl_semi_sync_${role}_enabled = ${enabled ? 1 : 0}`, [], deadline);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}

type Side = 'source' | 'replica';
/** Variables and status by their names without `rpl_semi_sync_`, in lower case. */
type Words = ReadonlyMap<string, string>;

const PREFIX = 'rpl_semi_sync_';
const OLD_NAMES = { source: 'master', replica: 'slave' } as const;

/** Both kinds are told by name and value, and only while their plugin is loaded. */
async function readWords(session: Session, deadline: Deadline): Promise<Words> {
  const rows = [];
  for (const what of ['VARIABLES', 'STATUS'])
    rows.push(...(await session.query(`SHOW GLOBAL ${what} LIKE 'rpl\\_semi\\_sync\\_%'`, [], deadline)));
  return new Map(
    rows.map((row) => [
      String(row['Variable_name']).toLowerCase().slice(PREFIX.length),
      String(row['Value']),
    ]),
  );
}

/** The side's name by the generation of its plugin; undefined: it is not loaded. */
function nameOf(words: Words, side: Side): string | undefined {
  return [side, OLD_NAMES[side]].find((name) => words.has(`${name}_enabled`));
}

function sourceOf(words: Words): SemiSyncSource | undefined {
  const name = nameOf(words, 'source');
  if (name === undefined) return undefined;
  const replica = name === 'source' ? 'replica' : 'slave';
  const number = (word: string): number => Number(words.get(`${name}_${word}`) ?? 0);
  const flag = (word: string): boolean => words.get(`${name}_${word}`) === 'ON';
  return {
    enabled: flag('enabled'),
    on: flag('status'),
    clients: number('clients'),
    acks: number(`wait_for_${replica}_count`),
    timeoutMs: number('timeout'),
    waitWithoutReplicas: flag(`wait_no_${replica}`),
    waiting: number('wait_sessions'),
    acknowledged: number('yes_tx'),
    unacknowledged: number('no_tx'),
  };
}

function replicaOf(words: Words): SemiSyncStatus['replica'] {
  const name = nameOf(words, 'replica');
  if (name === undefined) return undefined;
  return { enabled: words.get(`${name}_enabled`) === 'ON', on: words.get(`${name}_status`) === 'ON' };
}

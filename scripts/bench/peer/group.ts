import type { Connection, RowDataPacket } from 'mysql2/promise';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEndpoint } from '../../../src/core/model/endpoint.ts';
import { connectTo, readSecret } from '../../../src/sandbox/connect.ts';
import type { SandboxState } from '../../../src/sandbox/state.ts';

/** Its options in my.cnf; everything else is as in dcmha's own sandbox, so the servers are as durable and as small. */
export const groupReplicationOptions = {
  plugin_load_add: 'group_replication.so',
  loose_group_replication_start_on_boot: 'OFF',
  // The default takes up to a gibibyte.
  loose_group_replication_message_cache_size: 128 * 1024 * 1024,
} as const;

/** `defaults`: as MySQL comes. `fast`: `group_replication_member_expel_timeout=0`, the least that can be set. */
export type PeerSettings = 'defaults' | 'fast';

const PORT = 33_061;
const FIRST_LOOPBACK_PORT = 26_000;
const ONLINE_TIMEOUT_MS = 60_000;

/** Makes one single-primary group of the servers of a bare sandbox; resolves once all are online. The first is the primary. */
export async function formGroupReplication(
  state: SandboxState,
  members: readonly string[],
  settings: PeerSettings,
): Promise<void> {
  const name = randomUUID();
  const password = await readSecret(state.dir, 'repl');
  const local = (member: string) => communicationAddress(state, members, member);
  for (const [index, member] of members.entries()) {
    const connection = await connectTo({ dir: state.dir, at: member, as: 'dcmha' });
    try {
      await configure(connection, { name, addresses: [local(member), ...members.map(local)], settings });
      const channel = "SOURCE_USER = 'repl', SOURCE_PASSWORD = ?";
      await connection.query(
        `CHANGE REPLICATION SOURCE TO ${channel} FOR CHANNEL 'group_replication_recovery'`,
        [password],
      );
      if (index === 0) await connection.query('SET GLOBAL group_replication_bootstrap_group = ON');
      await connection.query('START GROUP_REPLICATION');
      if (index === 0) await connection.query('SET GLOBAL group_replication_bootstrap_group = OFF');
      await untilOnline(connection, index + 1);
    } finally {
      await connection.end();
    }
  }
}

// It takes no address that no interface lists, as those of 127.0.20.0/24 are not: then members differ by port.
function communicationAddress(state: SandboxState, members: readonly string[], member: string): string {
  if (state.isolated) return `${parseEndpoint(member).host}:${PORT}`;
  const block = Number(state.network.split('.')[2]) * 16;
  return `127.0.0.1:${FIRST_LOOPBACK_PORT + block + members.indexOf(member)}`;
}

interface Member {
  readonly name: string;
  /** Its own first, then all. */
  readonly addresses: readonly string[];
  readonly settings: PeerSettings;
}

async function configure(
  connection: Connection,
  { name, addresses: [own = '', ...all], settings }: Member,
): Promise<void> {
  const values: Readonly<Record<string, string | number>> = {
    group_name: name,
    local_address: own,
    group_seeds: all.join(','),
    // Sandboxes with namespaces use addresses set aside for tests of networks, which are not let in unless named.
    ip_allowlist: '127.0.0.0/8,198.18.0.0/15',
    recovery_get_public_key: 1,
    ...(settings === 'fast' ? { member_expel_timeout: 0 } : {}),
  };
  for (const [key, value] of Object.entries(values)) {
    await connection.query(`SET GLOBAL group_replication_${key} = ?`, [value]);
  }
}

async function untilOnline(connection: Connection, wanted: number): Promise<void> {
  const sql =
    "SELECT COUNT(*) AS online FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'";
  const deadline = performance.now() + ONLINE_TIMEOUT_MS;
  for (;;) {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    if (Number(rows[0]?.['online']) >= wanted) return;
    if (performance.now() > deadline) throw new Error(`the group has not ${wanted} members online`);
    await pause(100);
  }
}

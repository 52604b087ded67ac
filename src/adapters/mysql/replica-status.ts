import { z } from 'zod';
import type { ChannelStatus } from '../../ports/mysql.ts';
import type { Row } from './session.ts';

const yesNo = z.string().nullable();
const count = z.coerce.number();

/** The columns that are read of SHOW REPLICA STATUS, by their new names. */
const replicaRow = z.object({
  Channel_Name: z.string(),
  Source_Host: z.string().nullable(),
  Source_Port: count,
  Source_User: z.string().nullable(),
  Source_SSL_Allowed: z.string(),
  Source_SSL_CA_File: z.string().default(''),
  Source_SSL_Cert: z.string().default(''),
  Source_SSL_Key: z.string().default(''),
  Replicate_Wild_Do_Table: z.string().default(''),
  Replicate_Wild_Ignore_Table: z.string().default(''),
  Connect_Retry: count,
  Source_Retry_Count: count,
  Auto_Position: count,
  Replica_IO_Running: yesNo,
  Replica_SQL_Running: yesNo,
  Retrieved_Gtid_Set: z.string().nullable(),
  Seconds_Behind_Source: count.nullable(),
  Last_IO_Errno: count,
  Last_IO_Error: z.string(),
  Last_SQL_Errno: count,
  Last_SQL_Error: z.string(),
});
export type ReplicaRow = z.infer<typeof replicaRow>;

/**
 * A row of SHOW REPLICA STATUS, or of SHOW SLAVE STATUS, whose columns are called Master_* and Slave_*. Undefined for the row of a
 * default channel that was reset: the server goes on showing it when it has no source.
 */
export function parseReplicaRow(row: Row): ReplicaRow | undefined {
  const renamed = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace('Master_', 'Source_').replace('_Master', '_Source').replace('Slave_', 'Replica_'),
      value,
    ]),
  );
  const parsed = replicaRow.parse(renamed);
  return parsed.Source_Host === null || parsed.Source_Host === '' ? undefined : parsed;
}

export function channelStatus(row: ReplicaRow, lastHeardMs: number | undefined): ChannelStatus {
  return {
    name: row.Channel_Name,
    source: { host: row.Source_Host ?? '', port: row.Source_Port },
    receiver: receiverState(row.Replica_IO_Running),
    applier: row.Replica_SQL_Running === 'Yes' ? 'on' : 'off',
    retrieved: (row.Retrieved_Gtid_Set ?? '').replaceAll(/\s+/g, ''),
    lagSeconds: row.Seconds_Behind_Source ?? undefined,
    receiverError: errorText(row.Last_IO_Errno, row.Last_IO_Error),
    applierError: errorText(row.Last_SQL_Errno, row.Last_SQL_Error),
    lastHeardMs,
  };
}

function receiverState(running: string | null): ChannelStatus['receiver'] {
  if (running === 'Yes') return 'on';
  return running === 'Connecting' ? 'connecting' : 'off';
}

function errorText(errno: number, text: string): string | undefined {
  return errno === 0 ? undefined : `${errno}: ${text}`;
}

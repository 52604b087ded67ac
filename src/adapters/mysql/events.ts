import { z } from 'zod';
import { quoteIdentifier } from '../../core/binlog/rows-text.ts';
import type { EventName, ServerEvents } from '../../ports/events.ts';
import type { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';

const eventRow = z.object({
  schema: z.string(),
  name: z.string(),
  definer: z.string(),
  status: z.string(),
  timeZone: z.string(),
  sqlMode: z.string(),
  client: z.string(),
  collation: z.string(),
});
type EventRow = z.infer<typeof eventRow>;

const EVENTS = `SELECT EVENT_SCHEMA AS \`schema\`, EVENT_NAME AS name, DEFINER AS definer, STATUS AS status, TIME_ZONE AS timeZone,
 SQL_MODE AS sqlMode, CHARACTER_SET_CLIENT AS client, COLLATION_CONNECTION AS collation FROM information_schema.EVENTS`;

export async function readEvents(session: Session, deadline: Deadline): Promise<ServerEvents> {
  const [row] = await session.query('SELECT @@GLOBAL.event_scheduler AS scheduler', [], deadline);
  const all = await rowsOf(session, deadline);
  const named = (isMeant: (status: string) => boolean): EventName[] =>
    all.filter(({ status }) => isMeant(status)).map(({ schema, name }) => ({ schema, name }));
  return {
    scheduler: String(row?.['scheduler']) === 'ON',
    enabled: named((status) => status === 'ENABLED'),
    asleep: named((status) => /SIDE_?DISABLED/.test(status)),
  };
}

/** ALTER EVENT takes definer, SQL mode, character sets and time zone from who says it, so this session is made like the event. */
export async function enableEvent(
  session: Session,
  { schema, name }: EventName,
  deadline: Deadline,
): Promise<void> {
  const event = (await rowsOf(session, deadline)).find((row) => row.schema === schema && row.name === name);
  if (event === undefined) return;
  const { sqlMode, client, collation, timeZone, definer } = event;
  await session.query(
    'SET @dcmha_mode = @@sql_mode, @dcmha_client = @@character_set_client, @dcmha_collation = @@collation_connection, @dcmha_zone = @@time_zone',
    [],
    deadline,
  );
  try {
    await session.query(
      'SET sql_mode = ?, character_set_client = ?, collation_connection = ?, time_zone = ?',
      [sqlMode, client, collation, timeZone],
      deadline,
    );
    await session.query(
      `ALTER DEFINER = ${account(definer)} EVENT ${quoteIdentifier(schema)}.${quoteIdentifier(name)} ENABLE`,
      [],
      deadline,
    );
  } finally {
    await session.query(
      'SET sql_mode = @dcmha_mode, character_set_client = @dcmha_client, collation_connection = @dcmha_collation, time_zone = @dcmha_zone',
      [],
      deadline,
    );
  }
}

async function rowsOf(session: Session, deadline: Deadline): Promise<readonly EventRow[]> {
  const rows = await session.query(EVENTS, [], deadline, 'looking for scheduled events');
  return rows.map((row) => eventRow.parse(row));
}

// `user@host`: a host has no @, a user may.
function account(definer: string): string {
  const at = definer.lastIndexOf('@');
  return `${quoteIdentifier(definer.slice(0, at))}@${quoteIdentifier(definer.slice(at + 1))}`;
}

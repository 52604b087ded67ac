import { z } from 'zod';

const tableName = z.object({ schema: z.string(), table: z.string() });
export type TableName = z.infer<typeof tableName>;

/** A server that executed, or may have executed, what is being taken back; `uuid` is its server's, where it could be asked. */
const suspect = z.object({ id: z.string(), uuid: z.string().optional() });

/** What takes back the transactions that the primary lacks, and makes the server follow again. Each is safe to perform twice. */
export const takeBackSteps = [
  /** Copies the transactions out of the binlog, and judges whether they can be taken back. */
  z.object({ kind: z.literal('save') }),
  /** Takes back what `directory` holds, in one transaction that leaves a mark. */
  z.object({ kind: z.literal('roll-back'), directory: z.string() }),
  /** Asks the primary and every other member which of the errant transactions they have. */
  z.object({ kind: z.literal('ask'), gtids: z.string() }),
  /** Executes empty transactions of these names on the primary, so that nobody ever gives the names to others. */
  z.object({
    kind: z.literal('burn'),
    gtids: z.string(),
    primary: z.string(),
    epoch: z.number(),
    suspects: z.array(suspect),
  }),
  /** Makes the server's GTID set `kept`, from `own` or any part of it. */
  z.object({ kind: z.literal('reset'), own: z.string(), kept: z.string() }),
  /** Whatever primary is recorded by then. */
  z.object({ kind: z.literal('follow') }),
  /** Compares tables with the primary's at one GTID set. */
  z.object({ kind: z.literal('verify'), tables: z.array(tableName) }),
] as const;

const saved = z.object({
  kind: z.literal('saved'),
  directory: z.string(),
  transactions: z.number(),
  rows: z.number(),
  sizeBytes: z.number(),
  /** Every table that taking back touches. */
  tables: z.array(tableName),
  /** Absent: all of it can be taken back. */
  obstacle: z.object({ at: z.string(), reason: z.string(), what: z.string() }).optional(),
});
export type Saved = z.infer<typeof saved>;

export const takeBackOutcomes = [
  saved,
  z.object({ kind: z.literal('rolled-back'), rows: z.number() }),
  z.object({
    kind: z.literal('asked'),
    primary: z.string(),
    epoch: z.number(),
    /** What is to be burnt: '' when nobody else has any of it, or the primary has it all. */
    burn: z.string(),
    /** The server itself, those that have some of it, and those that could not be asked. */
    suspects: z.array(suspect),
    /** For people. */
    detail: z.string(),
  }),
  z.object({ kind: z.literal('burnt'), transactions: z.number() }),
  /** Another primary is recorded meanwhile: it is asked anew. */
  z.object({ kind: z.literal('superseded') }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('verified'), executed: z.string() }),
  z.object({ kind: z.literal('differs'), table: tableName }),
  /** It cannot work, however often it is tried. */
  z.object({ kind: z.literal('failed'), code: z.string(), why: z.string() }),
] as const;

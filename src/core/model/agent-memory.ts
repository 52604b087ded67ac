import { z } from 'zod';
import { DcmhaError } from './errors.ts';

const endpoint = z.object({ host: z.string(), port: z.number() });

const binlogPlace = z.object({
  /** `@@log_bin_index`. */
  indexFile: z.string(),
  /** What relative names in the index start from, and where `auto.cnf` is. */
  dataDirectory: z.string(),
});

/** Where the binlog of a host's server is. */
export type BinlogPlace = Readonly<z.infer<typeof binlogPlace>>;

const schema = z.object({
  /** Group -> the highest epoch that was fenced on this host. */
  fenced: z.record(z.string(), z.number().int()).default({}),
  /** A primary that this host promised not to be promoted against. */
  accepted: z.object({ group: z.string(), epoch: z.number().int(), primary: z.string() }).optional(),
  /** mysqld as it was last seen alive. */
  mysqld: z.object({ pidFile: z.string(), pid: z.number().int() }).optional(),
  /** The binlog as the server said it when it was last seen alive. */
  binlog: binlogPlace.optional(),
  /** The epoch that is, or was last, open here, and whom to ask when ZooKeeper is away. */
  opened: z
    .object({
      group: z.string(),
      epoch: z.number().int(),
      peers: z.array(z.object({ id: z.string(), agent: endpoint })),
    })
    .optional(),
});

/** What an agent must not forget over its own restart and its host's. */
export type AgentMemory = z.infer<typeof schema>;

export const EMPTY_MEMORY: AgentMemory = { fenced: {} };

/** Throws `UNEXPECTED` for a text that is not a memory: then nothing may be taken for granted. */
export function parseMemory(text: string): AgentMemory {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DcmhaError('UNEXPECTED', "the agent's state file is damaged", { cause });
  }
}

export function formatMemory(memory: AgentMemory): string {
  return `${JSON.stringify(memory)}\n`;
}

export function fencedEpochOf(memory: AgentMemory, group: string): number {
  return memory.fenced[group] ?? -1;
}

export function rememberFence(memory: AgentMemory, group: string, epoch: number): AgentMemory {
  const highest = Math.max(epoch, fencedEpochOf(memory, group));
  return { ...memory, fenced: { ...memory.fenced, [group]: highest } };
}

import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { declaredBy } from '../../core/haproxy/loaded.ts';
import { readBytes, writeWhole } from './config-files.ts';
import { isSameAlive, type OsProcess } from './os-process.ts';

const osProcess = z.object({ pid: z.number().int().positive(), startedAt: z.number() });
const record = osProcess.extend({
  rest: z.string(),
  write: z.record(z.string(), z.string()),
  read: z.record(z.string(), z.string()),
  former: z.array(osProcess.extend({ leaveAt: z.number() })),
});

/** A process that was replaced by a reload and only serves the read sessions it has. `leaveAt`: when it is ended, ms since 1970. */
export interface FormerProcess extends OsProcess {
  readonly leaveAt: number;
}

/** The running process and what it was started with, kept beside it so that the next router knows. */
export interface LoadedRecord extends OsProcess {
  /** Digest of what the runtime socket cannot change. */
  readonly rest: string;
  /** Options of the servers by name. */
  readonly write: Readonly<Record<string, string>>;
  readonly read: Readonly<Record<string, string>>;
  readonly former: readonly FormerProcess[];
}

export function recordOf(process: OsProcess, text: string, former: readonly FormerProcess[]): LoadedRecord {
  const { rest, write, read } = declaredBy(text);
  const options = (servers: typeof read) => Object.fromEntries(servers.map((one) => [one.name, one.options]));
  return {
    pid: process.pid,
    startedAt: process.startedAt,
    rest,
    write: options(write),
    read: options(read),
    former,
  };
}

/** undefined when there is none, it cannot be read, or the process it names is gone. */
export async function readRecord(file: string): Promise<LoadedRecord | undefined> {
  try {
    const parsed = record.safeParse(JSON.parse((await readBytes(file)) ?? 'null'));
    return parsed.success && isSameAlive(parsed.data) ? parsed.data : undefined;
  } catch {
    return undefined; // not JSON: a record of nothing
  }
}

export async function writeRecord(file: string, loaded: LoadedRecord): Promise<void> {
  await writeWhole(file, `${JSON.stringify(loaded)}\n`, { durable: false });
}

export async function removeRecord(file: string): Promise<void> {
  await rm(file, { force: true });
}

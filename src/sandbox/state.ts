import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { DcmhaError } from '../core/model/errors.ts';
import { type ProcessId, stateOf } from './process.ts';

export const processKinds = ['zookeeper', 'mysqld', 'agent', 'coordinator', 'router', 'haproxy'] as const;
export type ProcessKind = (typeof processKinds)[number];

const processSpec = z.strictObject({
  kind: z.enum(processKinds),
  id: z.string(),
  host: z.string(),
  /** 0 when it listens nowhere. */
  port: z.number().int(),
  /** Its own directory; `process.json` in it says which process runs. */
  dir: z.string(),
  argv: z.array(z.string()).min(1),
  log: z.string(),
  datadir: z.string().optional(),
});

const groupSpec = z.strictObject({
  name: z.string(),
  members: z.array(z.string()),
  /** One per router: where its HAProxy listens for this group. */
  listeners: z.array(z.strictObject({ write: z.string(), read: z.string() })),
});

const sandboxState = z.strictObject({
  format: z.literal(1),
  /** Random; marks the sandbox's processes. */
  id: z.string(),
  /** Where it was made; it may have been moved since. */
  dir: z.string(),
  network: z.string(),
  zookeeper: z.string(),
  config: z.string(),
  bare: z.boolean(),
  isolated: z.boolean().default(false),
  processes: z.array(processSpec),
  groups: z.array(groupSpec),
});

export type ProcessSpec = z.infer<typeof processSpec>;
export type GroupSpec = z.infer<typeof groupSpec>;
export type SandboxState = z.infer<typeof sandboxState>;

export const stateFile = (dir: string) => path.join(dir, 'sandbox.json');

/** The value of the mark in the environment of this sandbox's processes. */
export const markOf = ({ id, dir }: Pick<SandboxState, 'id' | 'dir'>) => `${id}@${dir}`;

export async function writeState(state: SandboxState): Promise<void> {
  await writeAtomically(stateFile(state.dir), `${JSON.stringify(state, null, 2)}\n`);
}

/** undefined when there is none or it is damaged. */
export async function tryReadState(dir: string): Promise<SandboxState | undefined> {
  try {
    return sandboxState.parse(JSON.parse(await readFile(stateFile(dir), 'utf8')));
  } catch {
    // Absent, torn or of another format: the caller says what that means to it.
    return undefined;
  }
}

/** Throws `NOT_FOUND` when `dir` holds no sandbox. */
export async function readState(dir: string): Promise<SandboxState> {
  const state = await tryReadState(dir);
  if (state !== undefined) return state;
  throw new DcmhaError('NOT_FOUND', `${dir} holds no sandbox: start one with dcmha sandbox up --dir ${dir}`, {
    details: { dir },
  });
}

const processId = z.strictObject({ pid: z.number().int().positive(), startTicks: z.string() });

const processFile = (spec: ProcessSpec) => path.join(spec.dir, `${spec.kind}.process.json`);

export async function recordProcess(spec: ProcessSpec, process: ProcessId): Promise<void> {
  await writeAtomically(processFile(spec), JSON.stringify(process));
}

/** The living process of a spec; undefined when it never ran or has ended. */
export async function runningProcess(spec: ProcessSpec): Promise<ProcessId | undefined> {
  try {
    const recorded = processId.parse(JSON.parse(await readFile(processFile(spec), 'utf8')));
    return stateOf(recorded) === 'stopped' ? undefined : recorded;
  } catch {
    // Never started, or the record is damaged: then the mark in its environment finds it.
    return undefined;
  }
}

async function writeAtomically(file: string, text: string): Promise<void> {
  const fresh = `${file}.${process.pid}.new`;
  await writeFile(fresh, text);
  await rename(fresh, file);
}

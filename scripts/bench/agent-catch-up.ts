import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { parseEndpoint } from '../../src/core/model/endpoint.ts';
import { connectTo } from '../../src/sandbox/connect.ts';
import { killProcesses } from '../../src/sandbox/control.ts';
import { tearDown } from '../../src/sandbox/down.ts';
import { defaultOptions } from '../../src/sandbox/layout.ts';
import { findPrimary } from '../../src/sandbox/primary.ts';
import { runDcmha } from '../../src/sandbox/run-dcmha.ts';
import type { GroupSpec, SandboxState } from '../../src/sandbox/state.ts';
import { startSandbox } from '../../src/sandbox/up.ts';
import { startWatchdog } from '../../src/sandbox/watch-parent.ts';
import { figureOf, median, type Figure } from './figure.ts';

const TRANSACTIONS = 1000;
const ALLOWED_MS = 500;
const SESSIONS = 8;
const TIMEOUT_MS = 60_000;
/** The failover is over by then, so that nobody asks for its record meanwhile. */
const QUIET_MS = 4000;

const failovers = z.array(
  z.looseObject({
    kind: z.string(),
    carriedOver: z.number().optional(),
    steps: z.array(z.looseObject({ step: z.string(), outcome: z.string(), tookMs: z.number() })),
  }),
);

/**
 * How long the step `catch-up` of a real failover takes, with all processes real and durable: a thousand transactions that no replica has
 * received, and the primary's mysqld killed. As a share of what is allowed.
 */
export async function agentCatchUpFigure(options: {
  readonly dir: string;
  readonly runs: number;
}): Promise<Figure> {
  const times: number[] = [];
  for (let n = 0; n < options.runs; n++) times.push(await stepMs(path.join(options.dir, `failover-${n}`)));
  const all = times.map((ms) => Math.round(ms)).join(', ');
  return figureOf(
    times.map((ms) => ALLOWED_MS / ms),
    {
      name: `catch-up step of a failover through an agent, ${TRANSACTIONS} missing transactions, ${ALLOWED_MS} ms allowed`,
      unit: 'x as fast as needed',
      target: 1,
      detail: `median ${Math.round(median(times))} ms of ${all}`,
    },
  );
}

async function stepMs(dir: string): Promise<number> {
  const callOff = startWatchdog(dir, { keep: false });
  try {
    const state = await startSandbox({ ...defaultOptions, coordinators: 1, dir });
    const [group] = state.groups;
    const primary = group === undefined ? undefined : await findPrimary(state, group);
    if (group === undefined || primary === undefined) throw new Error('the sandbox has no primary');
    await writeAlone(state, group, primary);
    await killProcesses(state, { what: 'mysqld', host: parseEndpoint(primary).host });
    return await recordedMs(state, group);
  } finally {
    await tearDown(dir);
    callOff();
  }
}

/** Transactions that only the primary has. */
async function writeAlone(state: SandboxState, group: GroupSpec, primary: string): Promise<void> {
  await run(state, primary, 'CREATE TABLE app.s (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100))');
  for (const replica of group.members.filter((member) => member !== primary)) {
    await until(() => run(state, replica, 'SELECT 1 FROM app.s'), 'the replicas did not get the table');
    await run(state, replica, 'STOP REPLICA IO_THREAD');
  }
  let left = TRANSACTIONS;
  const write = async (): Promise<void> => {
    const connection = await connectTo({ dir: state.dir, at: primary, as: 'app' });
    while (left-- > 0) await connection.query("INSERT INTO app.s (v) VALUES (REPEAT('x', 50))");
    connection.destroy();
  };
  await Promise.all(Array.from({ length: SESSIONS }, write));
}

async function run(state: SandboxState, at: string, sql: string): Promise<true> {
  const connection = await connectTo({ dir: state.dir, at, as: 'dcmha' });
  try {
    await connection.query(sql);
    return true;
  } finally {
    connection.destroy();
  }
}

async function recordedMs(state: SandboxState, group: GroupSpec): Promise<number> {
  await pause(QUIET_MS);
  return until(async () => {
    const json = await runDcmha(state, ['history', '--group', group.name, '--json']);
    const record = failovers.parse(JSON.parse(json)).find(({ kind }) => kind === 'failover');
    const step = record?.steps.findLast((one) => one.step === 'catch-up');
    if (record === undefined || step === undefined) throw new Error('no failover on record');
    if ((record.carriedOver ?? 0) < TRANSACTIONS)
      throw new Error(`only ${record.carriedOver ?? 0} carried over`);
    return step.tookMs;
  }, 'the failover is not as it should be');
}

async function until<T>(attempt: () => Promise<T>, otherwise: string): Promise<T> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`${otherwise} within ${TIMEOUT_MS} ms`, { cause });
      await pause(200);
    }
  }
}

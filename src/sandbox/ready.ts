import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { DcmhaError } from '../core/model/errors.ts';
import { type ProcessId, stateOf, tailOf } from './process.ts';

/** Sends `say` once connected and resolves to what came back by `enough` or the end; rejects when nobody listens. */
export function ask(
  host: string,
  port: number,
  { say = '', enough = () => true }: { say?: string; enough?: (answer: Buffer) => boolean },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = createConnection({ host, port });
    const finish = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => socket.write(say));
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      if (enough(answer)) finish();
    });
    socket.on('end', finish);
    socket.on('error', reject);
  });
}

/** Resolves once somebody accepts connections there; rejects when nobody does. */
export function knock(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port });
    socket.setTimeout(2000, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}

export interface Starting {
  /** Such as `mysqld 127.0.20.11`. */
  readonly what: string;
  readonly process: ProcessId;
  readonly log: string;
  readonly timeoutMs: number;
}

/** Polls `check` until it resolves to true. Throws `UNEXPECTED` with the log's end when the process ended, `TIMED_OUT` when it is late. */
export async function untilReady(starting: Starting, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + starting.timeoutMs;
  while (!(await holds(check))) {
    if (stateOf(starting.process) === 'stopped') {
      throw new DcmhaError(
        'UNEXPECTED',
        `${starting.what} ended at once (log ${starting.log}): ${tailOf(starting.log, 3)}`,
        {
          details: { log: starting.log },
        },
      );
    }
    if (performance.now() > deadline) {
      throw new DcmhaError(
        'TIMED_OUT',
        `${starting.what} is not ready after ${starting.timeoutMs} ms: see ${starting.log}`,
        {
          details: { log: starting.log },
        },
      );
    }
    await pause(30);
  }
}

async function holds(check: () => Promise<boolean>): Promise<boolean> {
  try {
    return await check();
  } catch {
    // Nobody listens yet.
    return false;
  }
}

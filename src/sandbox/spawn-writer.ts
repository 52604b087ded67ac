import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { z } from 'zod';
import { coverInherited } from '../adapters/system/inherited-files.ts';
import { DcmhaError } from '../core/model/errors.ts';
import { PROJECT } from './project.ts';
import type { WriterOptions, WriterProgress, WriterReport } from './writer.ts';

const answer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('progress'),
    progress: z.object({ acknowledged: z.number(), failures: z.number(), silentMs: z.number() }),
  }),
  z.object({
    kind: z.literal('report'),
    report: z.object({
      table: z.string(),
      acknowledged: z.array(z.number()),
      unknown: z.array(z.number()),
      outages: z.array(
        z.object({
          from: z.number(),
          to: z.number(),
          ms: z.number(),
          failures: z.number(),
          errors: z.array(z.string()),
        }),
      ),
    }),
  }),
]);

/** A writer in a process of its own, so that what its client measures is not our event loop. */
export interface WriterHandle extends AsyncDisposable {
  /** As told at most 50 ms ago. */
  progress(): WriterProgress;
  stop(): Promise<WriterReport>;
}

export function spawnWriter(options: WriterOptions): WriterHandle {
  const entry = path.join(import.meta.dirname, `writer-process${path.extname(import.meta.filename)}`);
  const child = fork(entry, {
    cwd: PROJECT,
    // Its channel to us is the fourth file.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...coverInherited().slice(1)],
    serialization: 'advanced',
  });
  let progress: WriterProgress = { acknowledged: 0, failures: 0, silentMs: 0 };
  const report = new Promise<WriterReport>((resolve, reject) => {
    child.on('message', (message) => {
      const told = answer.parse(message);
      if (told.kind === 'progress') progress = told.progress;
      else resolve(told.report);
    });
    child.once('exit', (status) =>
      reject(new DcmhaError('UNEXPECTED', `the writer's process ended with ${String(status)}`)),
    );
    child.once('error', reject);
  });
  // It is waited for in stop() only.
  report.catch(() => undefined);
  child.send({ kind: 'start', options });
  return {
    progress: () => progress,
    stop: async () => {
      tell(child);
      return report;
    },
    [Symbol.asyncDispose]: () => {
      child.kill('SIGKILL');
      return Promise.resolve();
    },
  };
}

function tell(child: ChildProcess): void {
  if (child.connected) child.send({ kind: 'stop' });
}

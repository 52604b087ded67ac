import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { coverInherited } from '../system/inherited-files.ts';

/** Starts a program that outlives this process and inherits none of its files, with its output appended to `logFile`. */
export function spawnDetached(program: string, argv: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o640);
  try {
    return spawn(program, argv, {
      detached: true,
      stdio: ['ignore', log, log, ...coverInherited()],
      cwd: '/',
    });
  } finally {
    closeSync(log);
  }
}

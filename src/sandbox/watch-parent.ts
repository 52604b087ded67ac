import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import path from 'node:path';
import { identify, sendSignal } from './process.ts';
import { PROJECT } from './project.ts';

/**
 * Tears the sandbox in `dir` down when this process ends, however it ends: a shell waits for the end of its standard input, which
 * only we hold. `keep` leaves the directory and its logs. Returns what calls the watch off.
 */
export function startWatchdog(dir: string, options: { readonly keep: boolean }): () => void {
  // The same file as ours: a source under a loader, or built.
  const entry = path.join(import.meta.dirname, `watchdog${path.extname(import.meta.filename)}`);
  const command = [
    process.execPath,
    ...process.execArgv,
    entry,
    path.resolve(dir),
    options.keep ? 'keep' : 'remove',
  ];
  const child = spawn('/bin/sh', ['-c', 'while read -r line; do :; done; exec "$0" "$@"', ...command], {
    cwd: PROJECT,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a watchdog the sandbox still works; dcmha sandbox down is there.
  child.on('error', () => undefined);
  child.unref();
  const shell = child.pid === undefined ? undefined : identify(child.pid);
  // An open pipe would keep this process alive.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return () => {
    sendSignal(shell, 'SIGKILL');
  };
}

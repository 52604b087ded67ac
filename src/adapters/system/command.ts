import { execa } from 'execa';
import type { CommandRunner } from '../../ports/system.ts';
import { coverInherited } from './inherited-files.ts';

/** A program that says more on its standard error is ended by SIGPIPE. */
const STDERR_MAX_CHARS = 1_000_000;
const CANNOT_START = 127;

/** Programs run in a process group of their own, which is killed whole when time is up. */
export const commandRunner: CommandRunner = {
  run: async (argv, { env, stdin, timeoutMs }) => {
    const [program = '', ...args] = argv;
    const child = execa(program, args, {
      env: { ...env },
      input: stdin,
      stdio: ['pipe', 'ignore', 'pipe', ...coverInherited()],
      detached: true,
      cleanup: true,
      reject: false,
      buffer: true,
      maxBuffer: STDERR_MAX_CHARS,
      stripFinalNewline: true,
    });
    const timer = setTimeout(() => killGroup(child.pid), timeoutMs);
    try {
      const result = await child;
      if (child.pid === undefined) {
        return {
          exitCode: CANNOT_START,
          stderr: `${program} cannot be started: is it there, and executable?`,
        };
      }
      return { exitCode: result.exitCode, stderr: result.stderr };
    } finally {
      clearTimeout(timer);
    }
  },
};

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

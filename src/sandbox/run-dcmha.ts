import { type ChildProcess, execFile } from 'node:child_process';
import { DcmhaError } from '../core/model/errors.ts';
import { MARK } from './process.ts';
import { dcmhaCommand } from './process-specs.ts';
import { markOf, type SandboxState } from './state.ts';

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface CommandOptions {
  readonly timeoutMs?: number;
  /** Is told the process, to signal it. */
  readonly started?: (child: ChildProcess) => void;
}

/** Runs an operator command of dcmha against the sandbox; its exit status is a value. */
export function tryDcmha(
  state: Pick<SandboxState, 'id' | 'dir' | 'config'>,
  args: readonly string[],
  { timeoutMs = 60_000, started }: CommandOptions = {},
): Promise<CommandResult> {
  const [program = '', ...rest] = dcmhaCommand(...args, '--config', state.config);
  return new Promise((resolve) => {
    const child = execFile(
      program,
      rest,
      { timeout: timeoutMs, maxBuffer: 64 << 20, env: { ...process.env, [MARK]: markOf(state) } },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ status, stdout, stderr });
      },
    );
    started?.(child);
  });
}

/** The same for a command that must succeed; returns what it printed. */
export async function runDcmha(
  state: Pick<SandboxState, 'id' | 'dir' | 'config'>,
  args: readonly string[],
): Promise<string> {
  const { status, stdout, stderr } = await tryDcmha(state, args);
  if (status === 0) return stdout;
  const said = stderr.trim().replaceAll(/\s+/g, ' ').slice(-600);
  throw new DcmhaError('UNEXPECTED', `dcmha ${args.join(' ')} failed with status ${status}: ${said}`, {
    details: { status },
  });
}

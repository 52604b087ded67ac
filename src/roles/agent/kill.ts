import { DcmhaError } from '../../core/model/errors.ts';
import type { FenceEvidence } from '../../core/peer/agent-api.ts';
import type { ProcessState } from '../../ports/system.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';

const killPollMs = 5;

/** SIGKILL, the last resort of a fence; waits until the process is gone, at most until the deadline (monotonic, ms). Throws `TIMED_OUT`. */
export async function killServer(
  { clock, processes }: AgentDeps,
  local: LocalServer,
  { pid, deadline }: { readonly pid: number; readonly deadline: number },
): Promise<FenceEvidence> {
  await processes.kill(pid);
  for (;;) {
    const found = await local.process();
    if (found.kind === 'gone' || (found.kind === 'alive' && found.pid !== pid))
      return { kind: 'process-gone', detail: `process ${pid} was killed` };
    if (clock.monotonic() > deadline)
      throw new DcmhaError('TIMED_OUT', `mysqld (process ${pid}) does not end, not even by SIGKILL`, {
        details: { pid },
      });
    await clock.pause(killPollMs);
  }
}

/** A server that is halted (SIGSTOP, a debugger) cannot obey, and could go on at any moment: it is not asked first. */
export async function killHalted(
  deps: AgentDeps,
  local: LocalServer,
  { found, deadline }: { readonly found: ProcessState; readonly deadline: number },
): Promise<FenceEvidence | undefined> {
  if (found.kind !== 'alive' || found.halted !== true) return undefined;
  deps.log.error('mysqld is halted and cannot obey: killing it', { pid: found.pid });
  return killServer(deps, local, { pid: found.pid, deadline });
}

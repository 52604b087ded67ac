import { toDcmhaError } from '../../core/model/errors.ts';
import type { FenceEvidence } from '../../core/peer/agent-api.ts';
import type { ProcessState } from '../../ports/system.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { GateTurns } from './gate-turns.ts';
import { killHalted, killServer } from './kill.ts';

const goneProbeMs = 250;
const endSessionsMs = 2000;

/** How a fence may be forced, and until when (monotonic, ms). */
export interface FenceLimits {
  readonly deadline: number;
  /** SIGKILL when SQL did not do it in the first part of the time. */
  readonly mayKill: boolean;
  /** Statements that run may end for so long; then the answer does not wait for the end of sessions. */
  readonly graceMs?: number | undefined;
}

/** Ends all writing at the server of this host: by SQL, or with its process. Whose turn it is, is the caller's business. */
export class Closer {
  readonly #deps: AgentDeps;
  readonly #local: LocalServer;
  readonly #turns: GateTurns;

  constructor(deps: AgentDeps, local: LocalServer, turns: GateTurns) {
    this.#deps = deps;
    this.#local = local;
    this.#turns = turns;
  }

  /** Throws what MySQL says when neither SQL nor, where allowed, SIGKILL could. */
  async close(limits: FenceLimits): Promise<FenceEvidence> {
    const { deadline, mayKill } = limits;
    const local = this.#local;
    const { mysql, log } = this.#deps;
    const before = await local.process();
    const ended =
      (await this.#gone(before)) ??
      (mayKill ? await killHalted(this.#deps, local, { found: before, deadline }) : undefined);
    if (ended !== undefined) return ended;
    try {
      const { graceMs } = limits;
      const fenced = await this.#turns.statement(limits, (options) =>
        mysql.fence(local.endpoint, { ...options, graceMs }),
      );
      return { kind: 'read-only', ...fenced };
    } catch (thrown) {
      const after = await local.process();
      const gone = await this.#gone(after);
      if (gone !== undefined) return gone;
      if (!mayKill || after.kind !== 'alive') throw toDcmhaError(thrown);
      log.error('mysqld does not obey: killing it', { pid: after.pid, error: toDcmhaError(thrown).message });
      return killServer(this.#deps, local, { pid: after.pid, deadline });
    }
  }

  /** Those that a fence with a grace has left. Never rejects. */
  async endSessions(): Promise<void> {
    const { mysql, log, clock } = this.#deps;
    try {
      const limits = { deadline: clock.monotonic() + endSessionsMs, mayKill: false };
      const killed = await this.#turns.statement(limits, (options) =>
        mysql.endSessions(this.#local.endpoint, options),
      );
      log.info('sessions ended that the fence left', { killed });
    } catch (thrown) {
      log.warn('sessions could not be ended that the fence left', { error: toDcmhaError(thrown).message });
    }
  }

  /** Both must say so: a pid file may be the wrong one, and a port may be closed while sessions still end. */
  async #gone(found: ProcessState): Promise<FenceEvidence | undefined> {
    if (found.kind !== 'gone' || !(await this.#local.nobodyListens(goneProbeMs))) return undefined;
    return { kind: 'process-gone', detail: found.detail };
  }
}

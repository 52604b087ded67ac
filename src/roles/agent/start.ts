import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import { readRejoin } from '../../core/store/rejoin-plans.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions, StartDeps } from './deps.ts';
import type { BinlogCutter } from './rejoin-cut.ts';
import type { GroupView } from './view.ts';
import { Alarm } from '../alarm.ts';

/** A supervisor such as systemd comes first, if there is one. */
const graceMs = 2000;
const goneProbeMs = 250;
/** By then a command that does not wait for mysqld has at least begun it. */
const settleMs = 3000;
const pollMs = 200;
const firstRetryMs = 1000;
const longestRetryMs = 60_000;
const calmMs = 10_000;
const stderrChars = 300;

interface StarterParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly cutter: BinlogCutter;
}

/**
 * Starts mysqld by the operator's command: only while a return of this server is under way, its process is gone, another primary is
 * recorded, and neither a plan nor a pause says that somebody else is in charge. The return of one that crashed with transactions that the
 * primary lacks begins here, with a cut of its binlog. Any other dead mysqld is left alone: a recorded primary that came back by itself
 * would race its own failover, and a server that somebody stopped is to stay so.
 */
export class ServerStarter {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #parts: StarterParts;
  #alarm: Alarm | undefined;

  constructor(deps: AgentDeps, options: AgentOptions, parts: StarterParts) {
    this.#deps = deps;
    this.#options = options;
    this.#parts = parts;
  }

  readonly wake = (): void => {
    if (this.#isDead) this.#alarm?.ring();
  };

  async run(signal: AbortSignal): Promise<void> {
    const { start, clock, log } = this.#deps;
    const alarm = new Alarm(clock, signal);
    this.#alarm = alarm;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      await alarm.wait(calmMs);
      if (start === undefined || !this.#isDead) continue;
      await clock.pause(graceMs, signal);
      try {
        if (await this.#isFree()) await this.#parts.cutter.prepare(signal);
        if ((await this.#isFree()) && (await this.#isWanted())) await this.#start(start, signal);
        retryMs = firstRetryMs;
      } catch (thrown) {
        const error = toDcmhaError(thrown);
        log.error('mysqld is not started', { code: error.code, error: error.message });
        await clock.pause(retryMs, signal);
        retryMs = Math.min(retryMs * 2, longestRetryMs);
        alarm.ring();
      }
    }
  }

  get #isDead(): boolean {
    return this.#parts.local.verdict.verdict === 'dead';
  }

  /** Its process is gone, and nobody else is in charge. */
  async #isFree(): Promise<boolean> {
    const { view, local } = this.#parts;
    if (!this.#isDead) return false;
    const facts = await view.refresh();
    if (facts?.record === undefined || facts.record.id === view.self) return false;
    if (facts.planRunning || facts.paused) return false;
    return (await local.process()).kind === 'gone' && (await local.nobodyListens(goneProbeMs));
  }

  async #isWanted(): Promise<boolean> {
    const stored = await readRejoin(this.#deps.coordination, this.#parts.view.self);
    return stored !== undefined && stored.plan.ended === undefined;
  }

  async #start({ commands, argv, timeoutMs }: StartDeps, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const { local, view } = this.#parts;
    log.warn('starting mysqld: a return of this server is under way', { command: argv.join(' ') });
    const deadline = clock.monotonic() + timeoutMs;
    const env = { DCMHA_HOST: this.#options.host, DCMHA_GROUP: view.member?.group ?? '' };
    const { exitCode, stderr } = await commands.run(argv, { env, stdin: '', timeoutMs });
    if (exitCode !== 0) throw failed(argv, { exitCode, stderr });
    const settled = clock.monotonic() + settleMs;
    while (!signal.aborted && this.#isDead) {
      const now = clock.monotonic();
      const hasEnded = now > settled && (await local.process()).kind === 'gone';
      if (hasEnded || now > deadline) throw silent(argv, hasEnded ? 'is not there' : 'does not answer');
      local.checkNow();
      await clock.pause(pollMs, signal);
    }
  }
}

function silent(argv: readonly string[], what: string): DcmhaError {
  return new DcmhaError('TIMED_OUT', `mysqld ${what} after \`${argv.join(' ')}\`: look at its error log`);
}

function failed(
  argv: readonly string[],
  { exitCode, stderr }: { readonly exitCode: number | undefined; readonly stderr: string },
): DcmhaError {
  const command = argv.join(' ');
  const how = exitCode === undefined ? 'did not end in time' : `ended with status ${exitCode}`;
  const said = stderr.trim().replaceAll(/\s+/g, ' ').slice(-stderrChars);
  return new DcmhaError(
    'UNEXPECTED',
    `agent.startMysqld: \`${command}\` ${how}${said === '' ? '' : `: ${said}`}`,
    {
      details: { command, exitCode },
    },
  );
}

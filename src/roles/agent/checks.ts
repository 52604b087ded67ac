import { firstVerdict, judge, type LocalCheck, type LocalVerdict } from '../../core/decide/verdict.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { Probe, ServerStatus } from '../../ports/mysql.ts';
import type { ProcessState } from '../../ports/system.ts';
import { CommitWatch } from './commit-watch.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import type { AgentRecall } from './memory.ts';
import { Alarm } from '../alarm.ts';

/** A server that is down is looked for more often: what it costs is a refused connection. */
const downIntervalMs = 100;
/** A file system is remounted read-only by the kernel once its disk fails; mysqld may go on answering. */
const mountEveryMs = 5000;

/** What the agent knows of the MySQL server beside it, kept up to date by {@link run}. */
export class LocalServer {
  verdict: LocalVerdict;
  /** The last that it said; it may be down since. */
  status: ServerStatus | undefined;
  /** super_read_only is off; undefined when it was never asked. A server that is gone is not writable: it boots read-only. */
  writable: boolean | undefined;
  pid: number | undefined;
  /** Counts the times that the server was (re)started or seen first: what was set by hand may have changed since. */
  incarnation = 0;

  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #recall: AgentRecall;
  readonly #endpoint: () => Endpoint;
  readonly #changed: () => void;
  readonly #commits: CommitWatch;
  #alarm: Alarm | undefined;
  #linked:
    { readonly at: Endpoint; readonly incarnation: number; readonly stop: AbortController } | undefined;
  /** Grows with each change that the agent itself made: what was asked before says nothing about after. */
  #writes = 0;
  /** The watched connection ended: mysqld may be another one when it answers next. */
  #lost = false;
  #mountAt = -Infinity;
  #mountedReadOnly = false;
  /** super_read_only is off for this agent's own work, with read_only on: no application can write. */
  #heldReadOnly = false;

  constructor(
    deps: AgentDeps,
    options: AgentOptions,
    facts: {
      readonly recall: AgentRecall;
      readonly endpoint: () => Endpoint;
      readonly changed: () => void;
      readonly mayProbe: () => boolean;
    },
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#recall = facts.recall;
    this.#endpoint = facts.endpoint;
    this.#changed = facts.changed;
    this.#commits = new CommitWatch(deps, {
      timeoutMs: options.commitProbeTimeoutMs,
      endpoint: facts.endpoint,
      mayProbe: facts.mayProbe,
      urgent: this.checkNow,
    });
    this.verdict = firstVerdict(deps.clock.now());
  }

  get endpoint(): Endpoint {
    return this.#endpoint();
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    while (!signal.aborted) {
      this.#link();
      await this.#check(signal);
      this.#link();
      await alarm.wait(this.verdict.verdict === 'dead' ? downIntervalMs : this.#options.checkIntervalMs);
    }
    this.#linked?.stop.abort();
  }

  /** Looks again at once. */
  readonly checkNow = (): void => this.#alarm?.ring();

  /** Asks at once, for what is about to be done by the answer. Throws what `Mysql` throws. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const options = { timeoutMs: this.#options.checkTimeoutMs, signal };
    this.status = await this.#deps.mysql.status(this.#endpoint(), options);
  }

  /** The agent has just opened or closed writes. */
  noteWritable(writable: boolean): void {
    this.#writes += 1;
    this.writable = writable;
    this.#commits.restart();
    this.checkNow();
  }

  /** The agent takes transactions back meanwhile: that is not what the word writable is about. */
  holdReadOnly(held: boolean): void {
    this.#heldReadOnly = held;
    this.#writes += 1;
    this.#commits.outdate();
  }

  #isHeld({ readOnly }: ServerStatus): boolean {
    return this.#heldReadOnly && readOnly;
  }

  async process(): Promise<ProcessState> {
    const last = this.#recall.mysqld;
    const pidFile = this.#options.pidFile ?? this.status?.pidFile ?? last?.pidFile;
    if (pidFile === undefined) return { kind: 'unknown', detail: 'no pid file is known' };
    const found = await this.#deps.processes.look(pidFile, last?.pidFile === pidFile ? last.pid : undefined);
    this.pid = found.kind === 'alive' ? found.pid : undefined;
    if (found.kind === 'alive') this.#remember({ pidFile, pid: found.pid });
    return found;
  }

  #remember(mysqld: { readonly pidFile: string; readonly pid: number }): void {
    this.#recall.seen(mysqld).catch((thrown: unknown) => {
      this.#deps.log.error('cannot write the state file', { error: toDcmhaError(thrown).message });
    });
  }

  /** Its end is the news of mysqld's death: nothing is polled for that. */
  #link(): void {
    const at = this.#endpoint();
    // A server that has just come back is connected to at once, not when it is tried next: it may be gone again soon.
    if (sameEndpoint(at, this.#linked?.at) && this.#linked?.incarnation === this.incarnation) return;
    this.#linked?.stop.abort();
    const stop = new AbortController();
    this.#linked = { at, stop, incarnation: this.incarnation };
    const lost = (code: string): void => {
      this.#deps.log.info('connection to mysqld lost', { server: formatEndpoint(at), code });
      this.#lost = true;
      this.checkNow();
    };
    this.#deps.mysql.watchConnection(at, lost, stop.signal);
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const writes = this.#writes;
    const check = await this.#look(signal, (status) => {
      if (writes === this.#writes) this.writable = !status.superReadOnly && !this.#isHeld(status);
    });
    if (signal.aborted) return;
    const before = this.verdict;
    this.verdict = judge(before, check, { at: clock.now(), attempts: this.#options.attempts });
    if (this.verdict.verdict === 'dead') this.writable = false;
    if (this.verdict.verdict !== before.verdict || this.verdict.why !== before.why) {
      log.info('verdict changed', {
        verdict: this.verdict.verdict,
        before: before.verdict,
        why: this.verdict.why,
      });
    }
    this.#changed();
  }

  async #look(signal: AbortSignal, answered: (status: ServerStatus) => void): Promise<LocalCheck> {
    const probe = await this.#probe(signal);
    switch (probe.kind) {
      case 'refused':
        return probe;
      case 'down': {
        const found = await this.process();
        const process = found.kind === 'alive' && found.halted === true ? 'halted' : found.kind;
        return { kind: 'no-answer', code: probe.code, process, detail: detailOf(found) };
      }
      case 'up': {
        const moved = this.status?.executed !== probe.status.executed;
        if (this.verdict.verdict !== 'up' || this.status === undefined || this.#lost)
          await this.#met(probe.status);
        this.status = probe.status;
        answered(probe.status);
        if (await this.#onReadOnlyMount(probe.status))
          return { kind: 'read-only-fs', why: 'the file system of the data is mounted read-only' };
        if (this.writable === true) return this.#commits.check(moved);
        this.#commits.forget();
        return { kind: 'answers', commits: 'not-tried' };
      }
    }
  }

  /** A connection kept from before tells that it broke, not whether the server is there: that is asked again at once. */
  async #probe(signal: AbortSignal): Promise<Probe> {
    const options = { timeoutMs: this.#options.checkTimeoutMs, signal };
    const probe = await this.#deps.mysql.probe(this.#endpoint(), options);
    if (probe.kind !== 'down' || probe.code === 'ECONNREFUSED' || probe.code === 'ETIMEDOUT') return probe;
    return this.#deps.mysql.probe(this.#endpoint(), options);
  }

  /** The kernel itself says that no process has the port open. */
  async nobodyListens(timeoutMs: number): Promise<boolean> {
    for (let tries = 0; tries < 3; tries += 1) {
      const probe = await this.#deps.mysql.probe(this.#endpoint(), { timeoutMs });
      if (probe.kind !== 'down') return false;
      if (probe.code === 'ECONNREFUSED' || probe.code === 'ENOENT') return true;
    }
    return false;
  }

  async #met(status: ServerStatus): Promise<void> {
    this.status ??= status;
    this.#lost = false;
    const before = this.pid;
    await this.process();
    if (this.pid === undefined || this.pid !== before || this.verdict.verdict === 'dead')
      this.incarnation += 1;
  }

  async #onReadOnlyMount({ binlog }: ServerStatus): Promise<boolean> {
    const now = this.#deps.clock.monotonic();
    if (binlog === undefined || now - this.#mountAt < mountEveryMs) return this.#mountedReadOnly;
    this.#mountAt = now;
    this.#mountedReadOnly = await this.#deps.processes.readOnlyMount(binlog.dataDirectory);
    return this.#mountedReadOnly;
  }
}

function detailOf(found: ProcessState): string {
  return found.kind === 'alive' ? `process ${found.pid}` : found.detail;
}

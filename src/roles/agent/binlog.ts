import { readFileHead } from '../../core/catch-up/file-head.ts';
import { surveyTail, type Tail } from '../../core/catch-up/survey-tail.ts';
import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { agentApi } from '../../core/peer/agent-api.ts';
import type { Params, Result } from '../../core/peer/api.ts';
import type { BinlogListener, BinlogOffer } from '../../ports/binlog-service.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions, BinlogDeps } from './deps.ts';
import type { WriteGate } from './fence.ts';
import type { LeaseKeeper } from './lease.ts';
import type { AgentRecall } from './memory.ts';
import { refused, type EpochOf } from './refusal.ts';
import { Alarm } from '../alarm.ts';
import { Mutex } from '../mutex.ts';

/** A coordinator that fetched nothing for so long has forgotten it. */
const forgottenMs = 600_000;
/** Closing what is closed already is one statement, or none when the process is gone. */
const evidenceMs = 2000;

interface KeeperParts {
  readonly local: LocalServer;
  readonly gate: WriteGate;
  readonly lease: LeaseKeeper;
  readonly recall: AgentRecall;
}

interface Standing extends EpochOf {
  readonly offer: BinlogOffer;
  readonly at: number;
}

/** Hands the binlog of this host's server to the one that takes over, once it is certain that nothing more is written here. */
export class BinlogKeeper {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #parts: KeeperParts;
  readonly #mutex = new Mutex();
  #standing: Standing | undefined;
  #listener: BinlogListener | undefined;
  #alarm: Alarm | undefined;
  #isRehearsed = false;

  constructor(deps: AgentDeps, options: AgentOptions, parts: KeeperParts) {
    this.#deps = deps;
    this.#options = options;
    this.#parts = parts;
  }

  /** Something changed at the server beside: where its binlog is may be new, and it may take writes again. */
  readonly wake = (): void => {
    const place = this.#parts.local.status?.binlog;
    if (place !== undefined) this.#remember(place);
    if (!this.#isRehearsed && this.#place() !== undefined) void this.#rehearse();
    if (this.#standing !== undefined && this.#parts.local.writable === true) this.#alarm?.ring();
  };

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    try {
      while (!signal.aborted) {
        await alarm.wait(forgottenMs / 4);
        await this.#mutex.run(() => this.#tidy());
      }
    } finally {
      await this.#mutex.run(() => this.#withdraw());
    }
  }

  /** Refused with `PEER_REFUSED` and `details.reason`: no-binlog, not-fenced, writable, purged. */
  serve(params: Params<typeof agentApi, 'serveBinlog'>): Promise<Result<typeof agentApi, 'serveBinlog'>> {
    return this.#mutex.run(() => this.#serve(params));
  }

  stop({ epoch }: EpochOf): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#standing === undefined || this.#standing.epoch <= epoch) await this.#withdraw();
    });
  }

  async #serve(
    params: Params<typeof agentApi, 'serveBinlog'>,
  ): Promise<Result<typeof agentApi, 'serveBinlog'>> {
    const { binlog, clock, log } = this.#deps;
    const place = this.#place();
    if (binlog === undefined || place === undefined)
      throw refused({ reason: 'no-binlog', why: 'this agent does not know the binlog: set agent.datadir' });
    const began = clock.monotonic();
    await this.#requireFenced(params);
    const files = binlog.open(place);
    const tail = await this.#survey(files, params);
    const { transactions, sizeBytes } = tail;
    const port = transactions === 0 ? 0 : await this.#offer(binlog, { tail, files, place }, params);
    const tookMs = Math.round(clock.monotonic() - began);
    log.info('binlog surveyed', { ...epochOf(params), transactions, sizeBytes, port, tookMs });
    return { port, missing: tail.missing.toCompactString(), transactions, sizeBytes };
  }

  /** Of this epoch, and now: neither what was once true nor what is true of another term. */
  async #requireFenced({ group, epoch }: EpochOf): Promise<void> {
    const { recall, lease, local, gate } = this.#parts;
    if (recall.fencedEpoch(group) < epoch)
      throw refused({ reason: 'not-fenced', why: `epoch ${epoch} of ${group} was not fenced here` });
    const held = lease.tenure?.epoch;
    if (local.writable === true || (held !== undefined && held > epoch))
      throw refused({ reason: 'writable', why: 'writes are open here, under a newer epoch' });
    const deadline = this.#deps.clock.monotonic() + evidenceMs;
    await gate.close('its binlog is to be served', { deadline, mayKill: false });
  }

  async #survey(files: BinlogSource, params: Params<typeof agentApi, 'serveBinlog'>): Promise<Tail> {
    const only = params.only === undefined ? undefined : parseGtidSet(params.only);
    const survey = await surveyTail(files, { have: parseGtidSet(params.have), only });
    if (survey.kind === 'tail') return survey.tail;
    const gtids = survey.gtids.toCompactString();
    throw refused({
      reason: 'purged',
      why: `the binlog before ${survey.before} is gone, and with it ${gtids}`,
    });
  }

  async #offer(
    binlog: BinlogDeps,
    found: { readonly tail: Tail; readonly files: BinlogSource; readonly place: BinlogPlace },
    params: Params<typeof agentApi, 'serveBinlog'>,
  ): Promise<number> {
    const { tail, files, place } = found;
    const { local } = this.#parts;
    const { head } = tail.newest;
    const only = params.only === undefined ? undefined : parseGtidSet(params.only);
    const offer: BinlogOffer = {
      files,
      tail,
      isOffered: (gtid) => tail.missing.has(gtid) && (only?.has(gtid) ?? true),
      identity: {
        serverId: head.serverId,
        serverUuid: await binlog.serverUuid(place),
        serverVersion: head.format.serverVersion,
      },
      mayServe: () => local.writable !== true && this.#standing?.offer === offer,
    };
    this.#standing = { ...epochOf(params), offer, at: this.#deps.clock.monotonic() };
    const at = { host: this.#options.host, port: this.#options.binlogPort };
    this.#listener ??= await binlog.service.listen(at, () => this.#standing?.offer);
    return this.#listener.port;
  }

  #place(): BinlogPlace | undefined {
    return this.#options.binlogPlace ?? this.#parts.local.status?.binlog ?? this.#parts.recall.binlog;
  }

  /** Files that cannot be read, or not be handed out, are to be known before they are needed. */
  async #rehearse(): Promise<void> {
    this.#isRehearsed = true;
    const { binlog, log } = this.#deps;
    const place = this.#place();
    if (binlog === undefined || place === undefined) return;
    try {
      const files = binlog.open(place);
      await binlog.serverUuid(place);
      const newest = (await files.list()).at(-1);
      if (newest === undefined) return;
      await using file = await files.open(newest.name);
      await readFileHead(file);
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      log.warn('the binlog could not be handed out after a crash', {
        code: error.code,
        error: error.message,
      });
    }
  }

  async #tidy(): Promise<void> {
    const standing = this.#standing;
    if (standing === undefined) return;
    const isForgotten = this.#deps.clock.monotonic() - standing.at > forgottenMs;
    if (isForgotten || this.#parts.local.writable === true) await this.#withdraw();
  }

  async #withdraw(): Promise<void> {
    const listener = this.#listener;
    this.#standing = undefined;
    this.#listener = undefined;
    if (listener === undefined) return;
    await listener[Symbol.asyncDispose]();
    this.#deps.log.info('binlog service ended');
  }

  #remember(place: BinlogPlace): void {
    this.#parts.recall.binlogAt(place).catch((thrown: unknown) => {
      this.#deps.log.error('cannot write the state file', { error: toDcmhaError(thrown).message });
    });
  }
}

function epochOf({ group, epoch }: EpochOf): EpochOf {
  return { group, epoch };
}

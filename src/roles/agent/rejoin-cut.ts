import type { Endpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { PrimaryRecord } from '../../core/model/group.ts';
import type { CutPlace } from '../../core/rejoin/cut-plan.ts';
import { decidedBy } from '../../core/rejoin/decided.ts';
import { findCut, type Cut } from '../../core/rejoin/find-cut.ts';
import {
  keptOf,
  nextOfRejoin,
  REJOIN_PROGRAM,
  type RejoinOutcome,
  type RejoinPlan,
} from '../../core/rejoin/plan.ts';
import { parseGtidSet, type GtidSet } from '../../core/gtid/gtid-set.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { ChannelKeeper } from './channels.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions, RejoinDeps } from './deps.ts';
import { requireLeave } from './leave.ts';
import type { AgentRecall } from './memory.ts';
import { ownBinlogPlace } from './own-binlog.ts';
import { refused } from './refusal.ts';
import type { RejoinLedger } from './rejoin-ledger.ts';
import { saveTail } from './rejoin-save.ts';
import { clonePolicyOf } from './rejoin-standing.ts';
import type { GroupView } from './view.ts';

const sqlMs = 10_000;
const goneProbeMs = 250;

interface CutterParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly recall: AgentRecall;
  readonly ledger: RejoinLedger;
  readonly channels: ChannelKeeper;
}

/** What it takes to cut the binlog of a server that is down. */
interface Tools {
  readonly rejoin: RejoinDeps;
  readonly source: BinlogSource;
  readonly cut: (place: CutPlace) => Promise<void>;
}

/**
 * Begins the return of a server before its mysqld is started: saves the errant end of the binlog and cuts it off, so that recovery rolls
 * back, exactly, what was prepared and not committed. Only while the process is gone, another primary is recorded, and nobody else is in
 * charge. A mysqld that starts in spite of that commits what it had prepared; then all of it is taken back from the copy.
 */
export class BinlogCutter {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #parts: CutterParts;
  /** What was looked at last, and is as it was. */
  #looked = '';

  constructor(deps: AgentDeps, options: AgentOptions, parts: CutterParts) {
    this.#deps = deps;
    this.#options = options;
    this.#parts = parts;
  }

  /** All that is to be done before mysqld is started. Throws what may be different when it is tried again. */
  async prepare(signal: AbortSignal): Promise<void> {
    const tools = this.#tools();
    if (tools === undefined) return;
    const { ledger } = this.#parts;
    if ((await ledger.load()) === undefined) await this.#begin(tools, signal);
    for (;;) {
      const { plan } = ledger;
      const next = plan === undefined ? undefined : nextOfRejoin(plan);
      if (plan === undefined || next?.kind !== 'step') return;
      const { step } = next;
      if (step.kind !== 'save-tail' && step.kind !== 'cut') return;
      await this.#requireLeave(signal);
      const { clock, log } = this.#deps;
      const at = clock.now();
      log.info('step started', { plan: plan.id, step: step.kind });
      const outcome =
        step.kind === 'cut'
          ? await this.#cut(step, plan, { tools, signal })
          : await saveTail(plan, tools.source, tools.rejoin);
      await ledger.record(step, outcome, at);
    }
  }

  /** Undefined when this agent takes nothing back, or does not know where the binlog is. */
  #tools(): Tools | undefined {
    const { binlog, rejoin } = this.#deps;
    const place = ownBinlogPlace(this.#options, this.#parts);
    const { automatic = this.#options.rejoinAutomatic } = this.#parts.view.policy.rejoin ?? {};
    if (automatic !== true || rejoin === undefined || place === undefined) return undefined;
    const cut = binlog?.cut;
    if (binlog === undefined || cut === undefined) return undefined;
    return { rejoin, source: binlog.open(place), cut: ({ file, at }) => cut(place, file, at) };
  }

  async #begin({ rejoin, source }: Tools, signal: AbortSignal): Promise<void> {
    const { clock, log, mysql } = this.#deps;
    const { view, ledger } = this.#parts;
    const { id: primary, epoch } = await this.#requireLeave(signal);
    const at = await this.#newest(source, epoch);
    // Names that stand for something else here than there are for the server itself to look at.
    if (at === this.#looked || view.burnt !== undefined) return;
    const theirs = await mysql.status(this.#endpointOf(primary), { timeoutMs: sqlMs, signal });
    const found = await findCut(source, decidedBy(theirs), rejoin.decompress);
    if (found.kind !== 'cut') {
      this.#leaveWhole(found, at);
      return;
    }
    const pending = await this.#parts.channels.whyPending(found.errant.toCompactString(), signal);
    if (pending !== undefined) throw refused({ reason: 'pending', why: pending });
    const group = view.member?.group ?? '';
    const clone = await clonePolicyOf(this.#deps, this.#options, group);
    // Meanwhile somebody may have started mysqld, which may have followed another primary.
    await this.#requireLeave(signal, epoch);
    const startedAt = clock.now();
    const [own, errant] = [found.own.toCompactString(), found.errant.toCompactString()];
    const id = `rejoin-${view.self}-${startedAt}`;
    log.warn(
      'the binlog here ends with transactions that the primary lacks: saving them and cutting them off before mysqld is started',
      { plan: id, gtids: errant, ...found.place },
    );
    await ledger.save({
      program: REJOIN_PROGRAM,
      id,
      group,
      host: view.self,
      startedAt,
      inputs: { primary, epoch, own, errant, clone, cut: found.place },
      entries: [],
    });
  }

  #leaveWhole(found: Exclude<Cut, { kind: 'cut' }>, at: string): void {
    this.#looked = at;
    if (found.kind === 'nothing') return;
    this.#deps.log.warn(
      'mysqld is gone, and its binlog ends with transactions that the primary lacks; it is not cut, and mysqld not started',
      { why: found.why },
    );
  }

  async #newest(source: BinlogSource, epoch: number): Promise<string> {
    const last = (await source.list()).at(-1);
    return `${epoch} ${last?.name ?? ''} ${last?.sizeBytes ?? 0}`;
  }

  /** Done already, or the binlog is not any more what was saved: then nothing is cut. */
  async #cut(
    { file, at }: CutPlace,
    plan: RejoinPlan,
    { tools, signal }: { readonly tools: Tools; readonly signal: AbortSignal },
  ): Promise<RejoinOutcome> {
    const last = (await tools.source.list()).at(-1);
    if (last?.name !== file) return notCut('mysqld has begun another file since');
    if (last.sizeBytes <= at) return { kind: 'cut' };
    const found = await findCut(tools.source, shared(plan), tools.rejoin.decompress);
    if (found.kind !== 'cut' || found.place.at !== at)
      return notCut('the file is not any more what was saved');
    await this.#requireLeave(signal);
    try {
      await tools.cut({ file, at });
      return { kind: 'cut' };
    } catch (thrown) {
      return notCut(toDcmhaError(thrown).message);
    }
  }

  async #requireLeave(signal: AbortSignal, epoch?: number): Promise<PrimaryRecord> {
    const { view, local } = this.#parts;
    const record = await requireLeave(view, signal, epoch);
    const isGone = (await local.process()).kind === 'gone' && (await local.nobodyListens(goneProbeMs));
    if (!isGone) throw refused({ reason: 'mysqld-lives', why: 'mysqld may be running' });
    return record;
  }

  #endpointOf(id: string): Endpoint {
    const member = this.#parts.view.members?.find((one) => one.id === id);
    if (member !== undefined) return member.endpoint;
    throw refused({ reason: 'no-primary', why: `the recorded primary ${id} is no member of the group` });
  }
}

const shared = (plan: RejoinPlan): GtidSet => parseGtidSet(keptOf(plan));
const notCut = (why: string): RejoinOutcome => ({ kind: 'not-cut', why });

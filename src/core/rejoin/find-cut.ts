import type { BinlogSource, OpenBinlogFile } from '../../ports/binlog-source.ts';
import { BinlogReader, type ReadEvent } from '../binlog/binlog-reader.ts';
import { EventType } from '../binlog/event-types.ts';
import type { Decompress } from '../binlog/payload.ts';
import { parseQueryEvent, parseStatusVariables } from '../binlog/query-event.ts';
import { readEvents } from '../binlog/read-events.ts';
import { readFileHead, type FileHead } from '../catch-up/file-head.ts';
import { GtidSet } from '../gtid/gtid-set.ts';
import type { Gtid } from '../gtid/gtid.ts';
import { nameOf } from '../salvage/invert.ts';
import type { Survey } from '../salvage/survey-model.ts';
import { Surveyor } from '../salvage/survey.ts';
import type { CutPlace } from './cut-plan.ts';
import { hasEffect } from './survey-errant.ts';

/** What is gained by cutting the binlog of a server that is down. */
export type Cut =
  | {
      readonly kind: 'cut';
      readonly place: CutPlace;
      /** All that the binlog knows of, and what of it nobody else may keep. */
      readonly own: GtidSet;
      readonly errant: GtidSet;
    }
  /** Nothing of it is errant, or the server ended in an orderly way, so that recovery has nothing to decide. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'keep'; readonly why: string };

/** From 8.0.17 on InnoDB keeps the GTID of what it has committed, so that none gets lost with the binlog. */
const firstWithOwnGtids = 80_017;

/**
 * Whether the end of the last file holds transactions that are not in `shared`, nothing but such, and all of a kind that InnoDB's recovery
 * rolls back whole when they are not in the binlog. Only of the last file: what is in others was committed before it was begun.
 * Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED, NOT_FOUND.
 */
export async function findCut(source: BinlogSource, shared: GtidSet, decompress: Decompress): Promise<Cut> {
  const name = (await source.list()).at(-1)?.name;
  if (name === undefined) return { kind: 'nothing' };
  await using file = await source.open(name);
  const head = await readFileHead(file);
  if (head?.format.inUse !== true) return { kind: 'nothing' };
  const tail = new Tail(shared);
  await tail.read(file, decompress);
  const own = head.previousGtids.union(GtidSet.fromGtids(tail.gtids));
  const { start } = tail;
  if (start === undefined) return { kind: 'nothing' };
  const why = whyOld(head) ?? tail.obstacle;
  if (why !== undefined) return { kind: 'keep', why };
  return { kind: 'cut', place: { file: name, at: start }, own, errant: own.subtract(shared) };
}

function whyOld({ format: { serverVersion, serverVersionNumber } }: FileHead): string | undefined {
  if (serverVersionNumber >= firstWithOwnGtids) return undefined;
  return `MySQL ${serverVersion} would forget which of them it has committed`;
}

/** The last transactions of a file, as long as all of them are errant. */
class Tail {
  /** A torn transaction is none. */
  readonly gtids: Gtid[] = [];
  /** Of the first of them. */
  start: number | undefined;
  obstacle: string | undefined;
  readonly #shared: GtidSet;
  readonly #surveyor = new Surveyor();
  #hasEffect = false;
  /** In the transaction that is being read: what makes InnoDB's commit depend on the binlog. */
  #hasXid = false;

  constructor(shared: GtidSet) {
    this.#shared = shared;
  }

  async read(file: OpenBinlogFile, decompress: Decompress): Promise<void> {
    const reader = new BinlogReader({
      file: file.name,
      decompress,
      wanted: (header) => {
        const isShared = this.#isShared(header?.gtid);
        if (isShared && header?.gtid !== undefined) this.gtids.push(header.gtid);
        return this.start !== undefined || !isShared;
      },
    });
    for await (const read of readEvents(file, reader)) this.#accept(read);
    reader.end();
  }

  #accept(read: ReadEvent): void {
    const survey = this.#surveyor.accept(read);
    if (read.grouped.kind === 'first') this.#hasXid = false;
    this.#hasXid ||= holdsXid(read);
    if (survey !== undefined) this.#add(survey);
  }

  #add(survey: Survey): void {
    const { gtid, start } = survey.transaction;
    if (gtid !== undefined && !this.#isShared(gtid)) {
      this.gtids.push(gtid);
      this.start ??= start;
      this.#hasEffect ||= hasEffect(survey);
      this.obstacle ??= this.#whyNot(survey);
    } else if (this.#hasEffect) {
      this.obstacle ??= `${nameOf(survey)} came after them, and is not errant`;
    } else {
      this.start = undefined;
    }
  }

  #isShared(gtid: Gtid | undefined): boolean {
    return gtid === undefined || this.#shared.has(gtid);
  }

  #whyNot(survey: Survey): string | undefined {
    if (!hasEffect(survey)) return undefined;
    if (survey.xa !== undefined || survey.transaction.ending === 'prepare')
      return `${nameOf(survey)} is a part of an XA transaction`;
    return this.#hasXid ? undefined : `${nameOf(survey)} changed what has no transactions`;
  }
}

function holdsXid({ event: { header, body } }: ReadEvent): boolean {
  if (header.type === EventType.Xid) return true;
  return (
    header.type === EventType.Query &&
    parseStatusVariables(parseQueryEvent(body).statusVariables).ddlXid !== undefined
  );
}

import type { Buffer } from 'node:buffer';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import { BinlogReader } from '../binlog/binlog-reader.ts';
import type { GtidEvent } from '../binlog/gtid-event.ts';
import type { Decompress } from '../binlog/payload.ts';
import { readEvents } from '../binlog/read-events.ts';
import { readFileHead, type FileHead } from '../catch-up/file-head.ts';
import { EMPTY_GTID_SET, GtidSet } from '../gtid/gtid-set.ts';
import { nameOf } from '../salvage/invert.ts';
import type { Survey } from '../salvage/survey-model.ts';
import { Surveyor } from '../salvage/survey.ts';

/** What the binlog says of transactions that are to be taken back. */
export interface ErrantSurvey {
  /** In the order of the binlog. */
  readonly surveys: readonly Survey[];
  /** Names of the files from the first of these transactions on. */
  readonly files: readonly string[];
  /** The format description event of the newest of them, whole; undefined without files. */
  readonly format: Buffer | undefined;
  /** Errant, but in no file: purged, or lost by the binlog. */
  readonly missing: GtidSet;
  /** A transaction that is not errant, but came after one that is and that changed something. */
  readonly behind: string | undefined;
}

interface HeadedFile {
  readonly name: string;
  readonly head: FileHead;
}

/**
 * Reads the files from the first errant transaction on. `undone`: what the server has not executed though the files hold it.
 * Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED, NOT_FOUND.
 */
export async function surveyErrant(
  source: BinlogSource,
  errant: GtidSet,
  decompress: Decompress,
  undone = EMPTY_GTID_SET,
): Promise<ErrantSurvey> {
  const search = new Search({ errant, undone, decompress });
  for (const file of await filesFrom(source, errant)) await search.look(source, file);
  return search.result();
}

/** From the newest file back to the first that begins before any of the errant ones. */
async function filesFrom(source: BinlogSource, errant: GtidSet): Promise<readonly HeadedFile[]> {
  const files: HeadedFile[] = [];
  for (const { name } of (await source.list()).toReversed()) {
    await using file = await source.open(name);
    const head = await readFileHead(file);
    if (head === undefined) continue;
    files.unshift({ name, head });
    if (!head.previousGtids.overlaps(errant)) break;
  }
  return files;
}

class Search {
  readonly #errant: GtidSet;
  readonly #undone: GtidSet;
  readonly #decompress: Decompress;
  // One for all files: statements are numbered through, and tables are known again.
  readonly #surveyor = new Surveyor();
  readonly #surveys: Survey[] = [];
  readonly #files: string[] = [];
  #format: Buffer | undefined;
  #hasEffect = false;
  #behind: string | undefined;

  constructor({ errant, undone, decompress }: { errant: GtidSet; undone: GtidSet; decompress: Decompress }) {
    this.#errant = errant;
    this.#undone = undone;
    this.#decompress = decompress;
  }

  async look(source: BinlogSource, { name, head }: HeadedFile): Promise<void> {
    await using file = await source.open(name);
    const reader = new BinlogReader({
      file: name,
      decompress: this.#decompress,
      wanted: (header) => this.#isErrant(header) || this.#mayBeBehind(header),
    });
    for await (const event of readEvents(file, reader)) {
      const survey = this.#surveyor.accept(event);
      if (survey !== undefined) this.#add(survey);
    }
    reader.end();
    if (this.#surveys.length === 0) return;
    this.#files.push(name);
    this.#format = head.formatEvent;
  }

  result(): ErrantSurvey {
    const found = this.#surveys.flatMap(({ transaction: { gtid } }) => (gtid === undefined ? [] : [gtid]));
    return {
      surveys: this.#surveys,
      files: this.#files,
      format: this.#format,
      missing: this.#errant.subtract(GtidSet.fromGtids(found)),
      behind: this.#behind,
    };
  }

  #mayBeBehind(header: GtidEvent | undefined): boolean {
    if (!this.#hasEffect || this.#behind !== undefined) return false;
    return header?.gtid === undefined || !this.#undone.has(header.gtid);
  }

  #isErrant(header: GtidEvent | undefined): boolean {
    return header?.gtid !== undefined && this.#errant.has(header.gtid);
  }

  #add(survey: Survey): void {
    if (!this.#isErrant(survey.transaction.header)) {
      this.#behind ??= nameOf(survey);
      return;
    }
    this.#surveys.push(survey);
    this.#hasEffect ||= hasEffect(survey);
  }
}

/** Some change nothing: empty ones, and what a server writes of its own about MEMORY tables. */
export function hasEffect({ rows, statements, xa, obstacle }: Survey): boolean {
  return rows.length > 0 || statements.length > 0 || xa !== undefined || obstacle !== undefined;
}

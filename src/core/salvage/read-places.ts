import type { BinlogSource, OpenBinlogFile } from '../../ports/binlog-source.ts';
import type { Decompress } from '../binlog/payload.ts';
import { readBytes } from '../binlog/read-bytes.ts';
import { EventBodies } from './event-bodies.ts';
import type { ReadEventBody } from './render.ts';

/** Reads the events of surveyed transactions again from the files that they were found in, which stay open until disposed. */
export class EventReader implements AsyncDisposable {
  readonly #source: BinlogSource;
  readonly #bodies: EventBodies;
  readonly #open = new Map<string, OpenBinlogFile>();

  constructor(source: BinlogSource, decompress: Decompress) {
    this.#source = source;
    this.#bodies = new EventBodies({
      read: async (file, offset, size) => readBytes(await this.#opened(file), offset, size),
      decompress,
    });
  }

  readonly read: ReadEventBody = (survey, entry) => this.#bodies.read(survey, entry);

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open.values()) await file[Symbol.asyncDispose]();
    this.#open.clear();
  }

  async #opened(name: string): Promise<OpenBinlogFile> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opened = await this.#source.open(name);
    this.#open.set(name, opened);
    return opened;
  }
}

import { Buffer } from 'node:buffer';
import type { BinlogSource, OpenBinlogFile } from '../../ports/binlog-source.ts';
import type { Decompress } from '../binlog/payload.ts';
import { readBytes } from '../binlog/read-bytes.ts';
import { EventBodies } from './event-bodies.ts';
import type { ReadEventBody } from './render.ts';

const blockBytes = 256 * 1024;

interface Block {
  readonly file: string;
  readonly start: number;
  readonly bytes: Buffer;
}

/** Reads the events of surveyed transactions again from the files that they were found in, which stay open until disposed. */
export class EventReader implements AsyncDisposable {
  readonly #source: BinlogSource;
  readonly #bodies: EventBodies;
  readonly #open = new Map<string, OpenBinlogFile>();
  /** What was read last. */
  #block: Block = { file: '', start: 0, bytes: Buffer.alloc(0) };

  constructor(source: BinlogSource, decompress: Decompress) {
    this.#source = source;
    this.#bodies = new EventBodies({
      read: (file, offset, size) => this.#read(file, offset, size),
      decompress,
    });
  }

  readonly read: ReadEventBody = (survey, entry) => this.#bodies.read(survey, entry);

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open.values()) await file[Symbol.asyncDispose]();
    this.#open.clear();
  }

  /** Events are small and neighbours, so they are read many at a time, before the wanted one when it goes backwards. */
  async #read(name: string, offset: number, size: number): Promise<Buffer> {
    const { file, start, bytes } = this.#block;
    const isHere = file === name && offset >= start && offset + size <= start + bytes.length;
    if (isHere) return bytes.subarray(offset - start, offset - start + size);
    const opened = await this.#opened(name);
    if (size >= blockBytes) return readBytes(opened, offset, size);
    const isBackwards = file === name && offset < start;
    const from = isBackwards ? Math.max(0, offset + size - blockBytes) : offset;
    const wanted = isBackwards ? offset + size - from : blockBytes;
    this.#block = { file: name, start: from, bytes: await readBytes(opened, from, wanted) };
    return this.#block.bytes.subarray(offset - from, offset - from + size);
  }

  async #opened(name: string): Promise<OpenBinlogFile> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opened = await this.#source.open(name);
    this.#open.set(name, opened);
    return opened;
  }
}

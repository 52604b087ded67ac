import { corrupt } from '../binlog/binlog-errors.ts';
import type { DcmhaError } from '../model/errors.ts';
import { EVENT_HEADER_SIZE, parseEventHeader } from '../binlog/event.ts';
import { checksumSize, type FormatDescription } from '../binlog/format-description.ts';
import { PayloadUnpacker, type Decompress } from '../binlog/payload.ts';
import type { EventPlace, Survey } from './survey-model.ts';

export interface EventBodiesOptions {
  /** Bytes of a file of the log. */
  readonly read: (file: string, offset: number, size: number) => Promise<Buffer>;
  readonly decompress: Decompress;
  /** How much of an unpacked transaction is kept at a time. */
  readonly windowBytes?: number;
}

/** An event of a survey: `RowsEntry` and `StatementEntry` have what is needed. */
export interface PlacedEvent {
  readonly place: EventPlace;
  readonly format: FormatDescription;
}

interface Window {
  readonly survey: Survey;
  readonly bodies: ReadonlyMap<number, Buffer>;
}

/**
 * Reads the events of surveyed transactions again, one at a time, meant to be asked backwards. A compressed transaction is unpacked once for each
 * window, from its beginning, so that one that unpacks to gigabytes takes time and not memory.
 */
export class EventBodies {
  readonly #options: EventBodiesOptions;
  #window: Window | undefined;

  constructor(options: EventBodiesOptions) {
    this.#options = options;
  }

  /** The body of an event, without header and checksum. */
  async read(survey: Survey, { place, format }: PlacedEvent): Promise<Buffer> {
    if (survey.payload?.offset === place.offset) return this.#readPacked(survey, { place, format });
    const raw = await this.#readRaw(survey, place);
    return raw.subarray(EVENT_HEADER_SIZE, raw.length - checksumSize(format));
  }

  async #readRaw(
    { transaction: { file } }: Survey,
    place: Pick<EventPlace, 'offset' | 'size'>,
  ): Promise<Buffer> {
    const raw = await this.#options.read(file, place.offset, place.size);
    if (raw.length === place.size && parseEventHeader(raw).size === place.size) return raw;
    throw changed(file, place.offset);
  }

  async #readPacked(survey: Survey, wanted: PlacedEvent): Promise<Buffer> {
    const { index } = wanted.place;
    if (this.#window?.survey !== survey || !this.#window.bodies.has(index)) {
      this.#window = { survey, bodies: await this.#unpack(survey, wanted) };
    }
    const body = this.#window.bodies.get(index);
    if (body === undefined) throw corrupt(`a compressed transaction has no event ${index}`);
    return body;
  }

  /** The event wanted and as many before it as fit into the window. */
  async #unpack(survey: Survey, { place, format }: PlacedEvent): Promise<ReadonlyMap<number, Buffer>> {
    const kept = chooseWindow(survey, place, this.#options.windowBytes ?? 64 * 1024 * 1024);
    const payload = survey.payload ?? place;
    const { file } = survey.transaction;
    const bodies = new Map<number, Buffer>();
    let index = 0;
    const bodyBytes = payload.size - EVENT_HEADER_SIZE - checksumSize(format);
    const { decompress } = this.#options;
    using unpacker = new PayloadUnpacker({ offset: payload.offset, bodyBytes }, { file, format, decompress });
    for await (const piece of this.#pieces(file, payload)) {
      for (const { body } of piece === 'end' ? unpacker.end() : unpacker.push(piece)) {
        if (kept.has(index)) bodies.set(index, Buffer.from(body));
        if (index++ === place.index) return bodies;
      }
    }
    return bodies;
  }

  /** The body of a payload event. */
  async *#pieces(
    file: string,
    { offset, size }: Pick<EventPlace, 'offset' | 'size'>,
  ): AsyncGenerator<Buffer | 'end', void> {
    for (let at = 0; at < size; at += pieceBytes) {
      const wanted = Math.min(pieceBytes, size - at);
      const piece = await this.#options.read(file, offset + at, wanted);
      const isGood = piece.length === wanted && (at > 0 || parseEventHeader(piece).size === size);
      if (!isGood) throw changed(file, offset);
      yield at === 0 ? piece.subarray(EVENT_HEADER_SIZE) : piece;
    }
    yield 'end';
  }
}

const pieceBytes = 1024 * 1024;

function changed(file: string, offset: number): DcmhaError {
  return corrupt(`the event at ${offset} is not what it was when it was first read`, { file });
}

function chooseWindow(survey: Survey, wanted: EventPlace, windowBytes: number): ReadonlySet<number> {
  const kept = new Set([wanted.index]);
  let size = wanted.size;
  for (const { place } of [...survey.rows, ...survey.statements].toSorted(
    (a, b) => b.place.index - a.place.index,
  )) {
    if (place.index >= wanted.index) continue;
    size += place.size;
    if (size > windowBytes) break;
    kept.add(place.index);
  }
  return kept;
}

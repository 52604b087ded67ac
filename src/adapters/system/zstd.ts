import { ZSTDDecoder } from 'zstddec/stream';
import type { Decompress, PayloadSizes, Unpacking } from '../../core/binlog/payload.ts';

// Up to this size a payload is unpacked at once, which is faster; beyond, in pieces, so that memory stays bounded.
const AT_ONCE_BYTES = 16 * 1024 * 1024;
const INPUT_PIECE_BYTES = 128 * 1024;
/** The decoder's own (`ZSTD_DStreamOutSize`): as much as a block unpacks to at most. */
const OUTPUT_PIECE_BYTES = 128 * 1024;
// At a damaged block the decoder's loop goes on for ever, taking and giving nothing. A sound one always does either.
const MOST_IDLE_TURNS = 64;
/** So many of the last bytes are kept for the next time: see `UnpackingInPieces`. */
const RESERVED_BYTES = 64;

/** Loads the decoder (WebAssembly inside its package, no file and no network) and gives the function that unpacks. */
export async function loadZstd(): Promise<Decompress> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (sizes) => {
    const isSmall = Math.max(sizes.sizeBytes, sizes.packedBytes / 2) <= AT_ONCE_BYTES;
    return isSmall ? new UnpackingAtOnce(decoder, sizes) : new UnpackingInPieces(decoder);
  };
}

class UnpackingAtOnce implements Unpacking {
  readonly #decoder: ZSTDDecoder;
  readonly #sizeBytes: number;
  readonly #packed: Buffer[] = [];

  constructor(decoder: ZSTDDecoder, { sizeBytes }: PayloadSizes) {
    this.#decoder = decoder;
    this.#sizeBytes = sizeBytes;
  }

  push(packed: Buffer): Iterable<Uint8Array> {
    this.#packed.push(packed);
    return [];
  }

  end(): Iterable<Uint8Array> {
    // Not written by a server; the decoder would ask for memory that it does not check to have got.
    if (this.#sizeBytes === 0) throw new Error('zstd: nothing is not packed');
    const [first] = this.#packed;
    const packed = first !== undefined && this.#packed.length === 1 ? first : Buffer.concat(this.#packed);
    // A damaged stream gives an error number for a size, so a slice of some other length.
    const unpacked = this.#decoder.decode(packed, this.#sizeBytes);
    if (unpacked.length !== this.#sizeBytes)
      throw new Error(`zstd: ${unpacked.length} bytes instead of ${this.#sizeBytes}`);
    return [unpacked];
  }

  [Symbol.dispose](): void {
    this.#packed.length = 0;
  }
}

/**
 * The package's decoder pulls its input, and once it has asked there is no way to let it wait. It asks when it has taken all that it was given,
 * which can be told from outside only by its giving less than a full piece. So the last byte at hand goes in alone, and after a full piece
 * one more of those kept back.
 */
class UnpackingInPieces implements Unpacking {
  readonly #output: Iterator<Uint8Array, void>;
  #input: Buffer[] = [];
  #reserve: Buffer = Buffer.alloc(0);
  #isLast = false;
  #isEnded = false;
  #idleTurns = 0;

  constructor(decoder: ZSTDDecoder) {
    this.#output = decoder.decodeStreaming(this.#takeInput())[Symbol.iterator]();
  }

  *push(packed: Buffer): Generator<Uint8Array, void> {
    const bytes = Buffer.concat([this.#reserve, packed]);
    const end = bytes.length - RESERVED_BYTES - 1;
    this.#reserve = bytes;
    if (end < INPUT_PIECE_BYTES) return;
    for (let at = 0; at < end; at += INPUT_PIECE_BYTES)
      this.#input.push(bytes.subarray(at, Math.min(at + INPUT_PIECE_BYTES, end)));
    this.#input.push(bytes.subarray(end, end + 1));
    this.#reserve = bytes.subarray(end + 1);
    yield* this.#run();
  }

  *end(): Generator<Uint8Array, void> {
    this.#isLast = true;
    if (this.#reserve.length > 0) this.#input.push(this.#reserve);
    yield* this.#run();
  }

  /** The decoder frees its memory only at the end of its input. */
  [Symbol.dispose](): void {
    if (this.#isEnded) return;
    this.#isLast = true;
    this.#input = [];
    try {
      while (this.#next() !== undefined);
    } catch {
      // That the stream is cut short here is known.
    }
  }

  *#run(): Generator<Uint8Array, void> {
    for (;;) {
      const piece = this.#next();
      if (piece === undefined) return;
      if (piece.length > 0) yield piece;
      if (this.#isLast || this.#input.length > 0) continue;
      if (piece.length < OUTPUT_PIECE_BYTES) return;
      this.#input.push(this.#reserve.subarray(0, 1));
      this.#reserve = this.#reserve.subarray(1);
    }
  }

  #next(): Uint8Array | undefined {
    if (this.#isEnded) return undefined;
    try {
      const { value } = this.#output.next();
      if (value === undefined) this.#isEnded = true;
      else if (value.length > 0) this.#idleTurns = 0;
      else if (++this.#idleTurns > MOST_IDLE_TURNS) throw new Error('zstd: damaged stream');
      return value ?? undefined;
    } catch (error) {
      this.#isEnded = true;
      throw error;
    }
  }

  *#takeInput(): Generator<Buffer, void> {
    for (;;) {
      const piece = this.#input.shift();
      if (piece === undefined || piece.length === 0) return;
      this.#idleTurns = 0;
      yield piece;
    }
  }
}

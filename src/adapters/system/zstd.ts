import { ZSTDDecoder } from 'zstddec/stream';
import type { Decompress } from '../../core/binlog/payload.ts';

// Up to this size a payload is unpacked at once, which is faster; beyond, in pieces, so that memory stays bounded.
const AT_ONCE_BYTES = 16 * 1024 * 1024;
const INPUT_PIECE_BYTES = 1024 * 1024;
// The decoder hands out nothing now and then, when a piece of input did not complete a block; but never this often with input left.
const MOST_EMPTY_PIECES = 64;

/** Loads the decoder (WebAssembly inside its package, no file and no network) and gives the function that unpacks. */
export async function loadZstd(): Promise<Decompress> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (packed, sizeBytes) =>
    sizeBytes <= AT_ONCE_BYTES ? [unpackAtOnce(decoder, packed, sizeBytes)] : unpackInPieces(decoder, packed);
}

function unpackAtOnce(decoder: ZSTDDecoder, packed: Buffer, sizeBytes: number): Uint8Array {
  // Neither is written by a server; both would have the decoder ask for memory that it does not check to have got.
  if (sizeBytes === 0 || packed.length > 2 * AT_ONCE_BYTES)
    throw new Error('zstd: sizes contradict each other');
  // A damaged stream gives an error number for a size, so a slice of some other length.
  const unpacked = decoder.decode(packed, sizeBytes);
  if (unpacked.length !== sizeBytes)
    throw new Error(`zstd: ${unpacked.length} bytes instead of ${sizeBytes}`);
  return unpacked;
}

function* unpackInPieces(decoder: ZSTDDecoder, packed: Buffer): Generator<Uint8Array, void> {
  let empty = 0;
  for (const piece of decoder.decodeStreaming(inPieces(packed))) {
    // At a damaged block the decoder's loop would go on for ever, with nothing to give.
    empty = piece.length === 0 ? empty + 1 : 0;
    if (empty > MOST_EMPTY_PIECES) throw new Error('zstd: damaged stream');
    if (piece.length > 0) yield piece;
  }
}

function* inPieces(packed: Buffer): Generator<Buffer, void> {
  for (let at = 0; at < packed.length; at += INPUT_PIECE_BYTES)
    yield packed.subarray(at, at + INPUT_PIECE_BYTES);
}

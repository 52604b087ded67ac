import { writeChecksum } from '../../src/core/binlog/checksum.ts';
import { readFixture, scan } from './binlog.ts';
import type { Random } from './random.ts';

/** A recorded file cut into its events. */
export interface CutFile {
  readonly name: string;
  readonly magic: Buffer;
  readonly events: readonly Buffer[];
  readonly hasChecksum: boolean;
}

export function cutFixture(name: string): CutFile {
  const bytes = readFixture(name);
  const { events, scanner } = scan(bytes);
  const hasChecksum = scanner.format?.checksum === 'crc32';
  return { name, magic: bytes.subarray(0, 4), events: events.map(({ raw }) => raw), hasChecksum };
}

/** The file with one or two things changed; most changes leave checksums right, so that what is behind them is met. */
export function mutateFile(random: Random, file: CutFile): Buffer {
  let { events } = file;
  for (let n = random.int(1, 2); n > 0; n--) events = changeEvents(random, events, file.hasChecksum);
  const bytes = Buffer.concat([file.magic, ...events]);
  if (random.chance(0.85)) return bytes;
  return random.pick([cutShort, zeroTail, flipBit])(random, bytes);
}

function changeEvents(random: Random, events: readonly Buffer[], hasChecksum: boolean): readonly Buffer[] {
  // The first one is the format description: with it changed all the rest is refused, which is tried often enough by flips.
  const at = random.int(1, events.length - 1);
  const event = events[at];
  if (event === undefined) return events;
  const other = random.int(1, events.length - 1);
  const kind = random.int(0, 9);
  if (kind === 0) return events.toSpliced(at, 1);
  if (kind === 1) return events.toSpliced(other, 0, event);
  if (kind === 2) return events.toSpliced(at, 1).toSpliced(other, 0, event);
  return events.with(at, changeEvent(random, event, hasChecksum));
}

const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

function changeEvent(random: Random, raw: Buffer, hasChecksum: boolean): Buffer {
  const trailing = hasChecksum ? 4 : 0;
  const cut = random.chance(0.2) ? random.int(0, raw.length - 19 - trailing) : 0;
  const event = Buffer.from(raw.subarray(0, raw.length - cut));
  for (let n = random.int(1, 4); n > 0; n--) {
    const at = random.chance(0.05) ? 4 : random.int(Math.min(19, event.length - 1), event.length - 1);
    event[at] = random.chance(0.5) ? random.int(0, 255) : random.pick(INTERESTING);
  }
  event.writeUInt32LE(event.length, 9);
  if (hasChecksum) writeChecksum(event);
  return event;
}

function cutShort(random: Random, bytes: Buffer): Buffer {
  return bytes.subarray(0, random.int(0, bytes.length));
}

function zeroTail(random: Random, bytes: Buffer): Buffer {
  return Buffer.from(bytes).fill(0, random.int(4, bytes.length));
}

function flipBit(random: Random, bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const at = random.int(0, bytes.length - 1);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << random.int(0, 7));
  return flipped;
}

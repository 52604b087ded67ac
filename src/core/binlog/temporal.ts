import type { TextBuffer } from './text.ts';

const dash = 0x2d;
const colon = 0x3a;
const space = 0x20;
const dot = 0x2e;

/** DATE: 3 bytes, year 15 bits, month 4, day 5. mysqlbinlog puts colons between them, SQL wants dashes. */
export function writeDate(out: TextBuffer, from: Buffer, at: number, separator: '-' | ':'): void {
  const value = from.readUIntLE(at, 3);
  const between = separator === '-' ? dash : colon;
  out
    .padded(value >> 9, 4)
    .byte(between)
    .padded((value >> 5) & 15, 2);
  out.byte(between).padded(value & 31, 2);
}

/** DATETIME of before 5.6.4: the number YYYYMMDDhhmmss. */
export function writeOldDatetime(out: TextBuffer, from: Buffer, at: number): void {
  const value = from.readBigUInt64LE(at);
  const date = Number(value / 1_000_000n);
  const time = Number(value % 1_000_000n);
  // A damaged value has more digits in the year; it is printed all the same.
  out
    .int(Math.floor(date / 10_000))
    .byte(dash)
    .padded(Math.floor(date / 100) % 100, 2)
    .byte(dash);
  out.padded(date % 100, 2).byte(space);
  writeClock(out, Math.floor(time / 10_000), Math.floor(time / 100) % 100, time % 100);
}

/** TIME of before 5.6.4: the number hhmmss. */
export function writeOldTime(out: TextBuffer, from: Buffer, at: number, signed: boolean): void {
  let value = signed ? from.readIntLE(at, 3) : from.readUIntLE(at, 3);
  if (value < 0) {
    out.byte(dash);
    value = -value;
  }
  writeClock(out, Math.floor(value / 10_000), Math.floor(value / 100) % 100, value % 100);
}

/** DATETIME2: 5 big-endian bytes (year*13+month 17 bits, day 5, hour 5, minute 6, second 6; sign bit on top), then the fraction. */
export function writeDatetime2(out: TextBuffer, from: Buffer, at: number, fsp: number): void {
  const low = from.readUInt32BE(at + 1);
  const day = ((from.readUInt8(at) & 0x7f) << 15) | (low >>> 17);
  const yearMonth = day >> 5;
  out
    .padded(Math.floor(yearMonth / 13), 4)
    .byte(dash)
    .padded(yearMonth % 13, 2)
    .byte(dash);
  out.padded(day & 31, 2).byte(space);
  writeClock(out, (low >> 12) & 31, (low >> 6) & 63, low & 63);
  writeFraction(out, readFraction(from, at + 5, fsp), fsp);
}

/** TIME2: 3 big-endian bytes around 0x800000 (hour 10 bits, minute 6, second 6), then the fraction, which is borrowed from when negative. */
export function writeTime2(out: TextBuffer, from: Buffer, at: number, fsp: number): void {
  let whole = from.readUIntBE(at, 3) - 0x800000;
  let fraction = readFraction(from, at + 3, fsp);
  if (whole < 0) {
    out.byte(dash);
    const unit = fractionUnit(fsp);
    const borrowed = fraction > 0;
    whole = borrowed ? -(whole + 1) : -whole;
    fraction = borrowed ? unit - fraction : 0;
  }
  writeClock(out, (whole >> 12) & 1023, (whole >> 6) & 63, whole & 63);
  writeFraction(out, fraction, fsp);
}

/** TIMESTAMP2 as mysqlbinlog prints it: seconds of the epoch and the fraction. */
export function writeTimestamp2(out: TextBuffer, from: Buffer, at: number, fsp: number): void {
  out.int(from.readUInt32BE(at));
  writeFraction(out, readFraction(from, at + 4, fsp), fsp);
}

/** A TIMESTAMP as the DATETIME it is at UTC; zero is MySQL's zero date. */
export function writeTimestampAsUtc(out: TextBuffer, seconds: number): void {
  if (seconds === 0) out.ascii('0000-00-00 00:00:00');
  else out.ascii(new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' '));
}

export function writeTimestamp2AsUtc(out: TextBuffer, from: Buffer, at: number, fsp: number): void {
  writeTimestampAsUtc(out, from.readUInt32BE(at));
  writeFraction(out, readFraction(from, at + 4, fsp), fsp);
}

/** A TIME, DATE, or DATETIME inside JSON: 8 bytes little-endian, the value of `datetime2` with six digits in the low 24 bits. */
export function writePackedTime(out: TextBuffer, from: Buffer, at: number): void {
  let packed = from.readBigInt64LE(at);
  if (packed < 0n) {
    out.byte(dash);
    packed = -packed;
  }
  const whole = Number((packed >> 24n) & 0x3fffffn);
  writeClock(out, (whole >> 12) & 1023, (whole >> 6) & 63, whole & 63);
  writeFraction(out, Number(packed & 0xffffffn), 6);
}

export function writePackedDate(out: TextBuffer, from: Buffer, at: number): void {
  const day = Number((from.readBigUInt64LE(at) >> 41n) & 0x3fffffn);
  const yearMonth = day >> 5;
  out
    .padded(Math.floor(yearMonth / 13), 4)
    .byte(dash)
    .padded(yearMonth % 13, 2)
    .byte(dash);
  out.padded(day & 31, 2);
}

export function writePackedDatetime(out: TextBuffer, from: Buffer, at: number): void {
  const packed = from.readBigUInt64LE(at);
  writePackedDate(out, from, at);
  const clock = Number((packed >> 24n) & 0x1ffffn);
  writeClock(out.byte(space), clock >> 12, (clock >> 6) & 63, clock & 63);
  writeFraction(out, Number(packed & 0xffffffn), 6);
}

function writeClock(out: TextBuffer, hour: number, minute: number, second: number): void {
  out.padded(hour, 2).byte(colon).padded(minute, 2).byte(colon).padded(second, 2);
}

/** The fraction in units of its stored digits: 1 byte for fsp 1-2, 2 for 3-4, 3 for 5-6. */
function readFraction(from: Buffer, at: number, fsp: number): number {
  const bytes = (fsp + 1) >> 1;
  return bytes === 0 ? 0 : from.readUIntBE(at, bytes);
}

/** One second in the stored fraction's complement (negative TIME values count down from here). */
function fractionUnit(fsp: number): number {
  return 256 ** ((fsp + 1) >> 1);
}

/** An odd fsp stores one digit more than it has; mysql-server cuts it. */
function writeFraction(out: TextBuffer, fraction: number, fsp: number): void {
  if (fsp === 0) return;
  const value = fsp % 2 === 1 ? Math.floor(fraction / 10) : fraction;
  // A damaged fraction can exceed its digits; the width is kept.
  out.byte(dot).padded(Math.min(value, 10 ** fsp - 1), fsp);
}

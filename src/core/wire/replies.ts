import { Buffer } from 'node:buffer';
import { STATUS_AUTOCOMMIT, UTF8MB4 } from './capabilities.ts';
import { packedText, uint16, uint32 } from './fields.ts';

/** `Protocol::OK_Packet`: no rows, no warnings. */
export function encodeOk(): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0]), uint16(STATUS_AUTOCOMMIT), uint16(0)]);
}

export interface ErrorReply {
  readonly errno: number;
  readonly sqlState: string;
  readonly message: string;
}

/** `Protocol::ERR_Packet`. */
export function encodeError({ errno, sqlState, message }: ErrorReply): Buffer {
  return Buffer.concat([Buffer.from([0xff]), uint16(errno), Buffer.from(`#${sqlState}${message}`, 'utf8')]);
}

const VAR_STRING = 0xfd;
const LONGEST_VALUE = 1024;

/** One row of one text column: the packets, in order. */
export function encodeValue(column: string, value: string): readonly Buffer[] {
  const definition = Buffer.concat([
    ...['def', '', '', '', column, ''].map(packedText),
    Buffer.from([0x0c]),
    uint16(UTF8MB4),
    uint32(LONGEST_VALUE),
    Buffer.from([VAR_STRING]),
    uint16(0),
    Buffer.from([0, 0, 0]),
  ]);
  return [Buffer.from([1]), definition, endOfRows(), packedText(value), endOfRows()];
}

/** `Protocol::EOF_Packet`. */
function endOfRows(): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), uint16(0), uint16(STATUS_AUTOCOMMIT)]);
}

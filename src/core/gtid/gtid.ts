import { DcmhaError } from '../model/errors.ts';

/** The largest transaction number MySQL gives out (`mysql::gtids::gno_end` - 1). */
export const MAX_TRANSACTION_NUMBER = 9223372036854775806n;

/** The name of one transaction. `uuid` and `tag` are lower case; `tag` is '' for most. */
export interface Gtid {
  readonly uuid: string;
  readonly tag: string;
  readonly number: bigint;
}

const GTID =
  /^\s*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s*:\s*(?:([a-z_][a-z0-9_]{0,31})\s*:\s*)?([0-9]+)\s*$/i;

/** Takes what `SET gtid_next` takes: dashes are required, braces are not allowed. Throws GTID_MALFORMED. */
export function parseGtid(text: string): Gtid {
  const [, uuid, tag = '', digits] = GTID.exec(text) ?? [];
  const number = digits === undefined ? 0n : BigInt(digits);
  if (uuid === undefined || number < 1n || number > MAX_TRANSACTION_NUMBER) {
    throw new DcmhaError('GTID_MALFORMED', `not a GTID: ${JSON.stringify(text.slice(0, 120))}`, {
      details: { offset: 0 },
    });
  }
  return { uuid: uuid.toLowerCase(), tag: tag.toLowerCase(), number };
}

export function formatGtid({ uuid, tag, number }: Gtid): string {
  return tag === '' ? `${uuid}:${number.toString()}` : `${uuid}:${tag}:${number.toString()}`;
}

/** 16 bytes to the dashed lower-case form. */
export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

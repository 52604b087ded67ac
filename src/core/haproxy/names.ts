import { Buffer } from 'node:buffer';

/**
 * The name of a group's server in HAProxy: the group's own, as the first program had it. HAProxy allows letters, digits
 * and `_ - . :` in it; another byte becomes `:` and two hexadecimal digits.
 */
export function serverName(group: string): string {
  return encodeBytes(group, /[A-Za-z0-9_.-]/, ':');
}

/** What a group's files are called, without the suffix. Bytes that a file name or a URL may not hold are percent-encoded. */
export function fileName(group: string): string {
  return encodeBytes(group, /[A-Za-z0-9_.-]/, '%');
}

/** Where the router says whether a group's write side may be open. */
export function leasePath(group: string): string {
  return `/lease/${fileName(group)}`;
}

function encodeBytes(text: string, allowed: RegExp, sign: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return allowed.test(char) ? char : sign + byte.toString(16).toUpperCase().padStart(2, '0');
    })
    .join('');
}

/** The number of a read server's name (`hkmsg2` -> 2, `hkmsg` -> 0); undefined when the name is not one of the group's. */
export function readNumber(group: string, name: string): number | undefined {
  const base = serverName(group);
  const tail = name.startsWith(base) ? name.slice(base.length) : 'x';
  return /^\d{0,6}$/.test(tail) ? Number(tail) : undefined;
}

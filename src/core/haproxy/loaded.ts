import { createHash } from 'node:crypto';
import { parseConfig, type ConfigFile, type ConfigSection } from './config-file.ts';
import { parseServerLine, splitWeight } from './server-line.ts';
import { wordsOf } from './words.ts';

/** A server as a file declares it. */
export interface DeclaredServer {
  readonly name: string;
  readonly address: string;
  /** The words behind the address. */
  readonly options: string;
  readonly disabled: boolean;
}

/** What the runtime socket cannot change, as one digest, and what it can. */
export interface Declared {
  /** Digest of the words of the file without the servers of our two listeners: comments and blanks do not count. */
  readonly rest: string;
  readonly write: readonly DeclaredServer[];
  readonly read: readonly DeclaredServer[];
}

/** Takes a file apart, to see whether a running process that was started with another one needs a reload. */
export function declaredBy(text: string): Declared {
  const file = parseConfig(text);
  const rest = file.flatMap((section) => directiveWords(isOurs(section) ? withoutServers(section) : section));
  return {
    rest: createHash('sha256').update(JSON.stringify(rest)).digest('hex'),
    write: serversOf(file, 'write'),
    read: serversOf(file, 'read'),
  };
}

/**
 * Whether a file that differs from a valid one as told here must be valid, too: only addresses, given by number, weights, and which
 * servers there are. Asking haproxy again would cost more than the whole switch.
 */
export function isAsValidAs(valid: Declared, other: Declared): boolean {
  if (other.rest !== valid.rest) return false;
  const known = (servers: readonly DeclaredServer[], { options, address }: DeclaredServer) =>
    servers.some((one) => othersOf(one.options) === othersOf(options)) && NUMERIC.test(address);
  return (
    other.write.every((server) => known(valid.write, server)) &&
    other.read.every((server) => known(valid.read, server))
  );
}

const othersOf = (options: string): string => splitWeight(options).others;

const NUMERIC = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;

function isOurs({ kind, name }: ConfigSection): boolean {
  return kind === 'listen' && (name === 'write' || name === 'read');
}

function directiveWords({ lines }: ConfigSection): readonly (readonly string[])[] {
  return lines.map(({ text }) => wordsOf(text).map(({ value }) => value)).filter((words) => words.length > 0);
}

function withoutServers(section: ConfigSection): ConfigSection {
  return { ...section, lines: section.lines.filter(({ text }) => parseServerLine(text) === undefined) };
}

function serversOf(file: ConfigFile, name: string): readonly DeclaredServer[] {
  return file
    .filter((section) => isOurs(section) && section.name === name)
    .flatMap(({ lines }) => lines)
    .flatMap(({ text }) => parseServerLine(text) ?? [])
    .map((server) => ({ ...server, options: server.options.join(' ') }));
}

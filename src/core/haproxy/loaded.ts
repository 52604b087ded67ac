import { createHash } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { parseConfig, printConfig, type ConfigFile, type ConfigSection } from './config-file.ts';
import { parseServerLine } from './server-line.ts';

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
  /** Digest of the file without the servers of our two listeners. */
  readonly rest: string;
  readonly write: readonly DeclaredServer[];
  readonly read: readonly DeclaredServer[];
}

/** Takes a file apart, to see whether a running process that was started with another one needs a reload. */
export function declaredBy(text: string): Declared {
  const file = parseConfig(text);
  const rest = printConfig(file.map((section) => (isOurs(section) ? withoutServers(section) : section)));
  return {
    rest: createHash('sha256').update(Buffer.from(rest, 'latin1')).digest('hex'),
    write: serversOf(file, 'write'),
    read: serversOf(file, 'read'),
  };
}

function isOurs({ kind, name }: ConfigSection): boolean {
  return kind === 'listen' && (name === 'write' || name === 'read');
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

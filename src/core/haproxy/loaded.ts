import { createHash } from 'node:crypto';
import { parseConfig, type ConfigFile, type ConfigSection } from './config-file.ts';
import { parseServerLine } from './server-line.ts';
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

import { Buffer } from 'node:buffer';
import { DcmhaError } from '../model/errors.ts';
import {
  addDirective,
  directives,
  parseConfig,
  printConfig,
  withLine,
  type ConfigFile,
  type ConfigSection,
} from './config-file.ts';
import { renderHoldScript } from './render-hold.ts';
import type { RenderOptions } from './render-options.ts';
import { renderRead } from './render-read.ts';
import { renderWrite } from './render-write.ts';
import { quoteWord } from './words.ts';

/**
 * The configuration file that says `route`, made from the file as it is by changing nothing but what is ours: the server lines of
 * `listen write` and `listen read`, the runtime socket and the hold script in `global`, and the options that the two listeners need.
 * Text is one character a byte (latin1). Rendering its own output again changes nothing.
 *
 * The write server is checked at the router's own lease port on loopback, not at MySQL: a router that is dead, stopped or cut off
 * answers no, and HAProxy then closes the write side and its sessions by itself. An empty read list falls back to the
 * write server; when that is gone, too, the first read server stays, disabled.
 *
 * Throws `PROXY_REJECTED`, naming file and what is missing, for a file that has not the form that dcmha manages.
 */
export function renderConfig(text: string, options: RenderOptions): string {
  const parsed = parseConfig(text);
  requireListener(parsed, 'write', options.file);
  requireListener(parsed, 'read', options.file);
  const rendered = withSocket(endedLines(parsed), options.socket).map((section, at, all) => {
    if (at === all.findIndex(({ kind }) => kind === 'global')) return withScript(section, options.holdScript);
    if (section.kind !== 'listen') return section;
    if (section.name === 'write') return renderWrite(section, options);
    return section.name === 'read' ? renderRead(section, options) : section;
  });
  return printConfig(rendered);
}

function requireListener(file: ConfigFile, name: string, path: string): void {
  const found = file.filter((section) => section.kind === 'listen' && section.name === name);
  if (found.length === 1) return;
  const others = file
    .filter(({ kind }) => kind === 'frontend' || kind === 'backend')
    .map((section) => `\`${section.kind} ${section.name}\``);
  const has = others.length > 0 ? `; it has ${others.join(', ')}` : '';
  const what = found.length === 0 ? 'has no' : 'has more than one';
  throw new DcmhaError(
    'PROXY_REJECTED',
    `${path} ${what} section \`listen ${name}\`${has}: dcmha manages the servers of one \`listen write\` and one \`listen read\``,
    { details: { file: path, section: `listen ${name}` } },
  );
}

// HAProxy refuses a file whose last line has no newline ("might have been truncated").
function endedLines(file: ConfigFile): ConfigFile {
  const crlf = file.some(({ lines }) => lines.some(({ eol }) => eol === '\r\n'));
  return file.map((section) => ({
    ...section,
    lines: section.lines.map(({ text, eol }) => ({ text, eol: eol === '' ? (crlf ? '\r\n' : '\n') : eol })),
  }));
}

function withSocket(file: ConfigFile, socket: string): ConfigFile {
  const line = `stats socket ${quoteWord(bytesOf(socket))} mode 600 level admin expose-fd listeners`;
  const at = file.findIndex(({ kind }) => kind === 'global');
  const section = file[at];
  if (section === undefined) {
    const eol = file.flatMap(({ lines }) => lines)[0]?.eol ?? '\n';
    const made: ConfigSection = { kind: 'global', name: '', lines: [{ text: 'global', eol }] };
    return [...file.slice(0, 1), addDirective(made, line), ...file.slice(1)];
  }
  return file.map((other, i) => (i === at ? replaceSocket(section, socket, line) : other));
}

function withScript(section: ConfigSection, script: string | undefined): ConfigSection {
  return renderHoldScript(section, script === undefined ? undefined : bytesOf(script));
}

// A socket of the same file name is ours from an earlier run directory.
function replaceSocket(section: ConfigSection, socket: string, line: string): ConfigSection {
  const base = bytesOf(socket).split('/').at(-1);
  const ours = directives(section).find(
    ({ words }) =>
      words[0]?.value === 'stats' &&
      words[1]?.value === 'socket' &&
      words[2]?.value.split('/').at(-1) === base,
  );
  if (ours === undefined) return addDirective(section, line);
  const text = section.lines[ours.index]?.text ?? '';
  return withLine(section, ours.index, (/^[ \t]*/.exec(text)?.[0] ?? '') + line);
}

function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

import { wordsOf, type Word } from './words.ts';

/** One line, without its end. `eol` is `\n`, `\r\n`, or `''` at the end of a file that lacks the last newline. */
export interface ConfigLine {
  readonly text: string;
  readonly eol: string;
}

/** A section with its header line first; what stands before the first header is a section of kind `''` without a name. */
export interface ConfigSection {
  readonly kind: string;
  readonly name: string;
  readonly lines: readonly ConfigLine[];
}

/** A HAProxy configuration file, every byte of it. */
export type ConfigFile = readonly ConfigSection[];

const SECTIONS = new Set([
  'acme',
  'backend',
  'cache',
  'crt-store',
  'defaults',
  'fcgi-app',
  'frontend',
  'global',
  'http-errors',
  'listen',
  'log-forward',
  'log-profile',
  'mailers',
  'peers',
  'program',
  'resolvers',
  'ring',
  'traces',
  'userlist',
]);

/** Reads a file of which each character is one byte (latin1), so that printing gives the same bytes back. Never fails. */
export function parseConfig(text: string): ConfigFile {
  const sections: { kind: string; name: string; lines: ConfigLine[] }[] = [{ kind: '', name: '', lines: [] }];
  for (const line of splitLines(text)) {
    const [first, second] = wordsOf(line.text);
    if (first !== undefined && SECTIONS.has(first.value)) {
      sections.push({ kind: first.value, name: second?.value ?? '', lines: [] });
    }
    sections.at(-1)?.lines.push(line);
  }
  return sections;
}

export function printConfig(file: ConfigFile): string {
  return file.map(({ lines }) => lines.map(({ text, eol }) => text + eol).join('')).join('');
}

function splitLines(text: string): readonly ConfigLine[] {
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((raw) => {
    const eol = /\r?\n$/.exec(raw)?.[0] ?? '';
    return { text: raw.slice(0, raw.length - eol.length), eol };
  });
}

/** The words of the lines below a section's header, each with the line's index in `lines`. */
export function directives(
  section: ConfigSection,
): readonly { readonly index: number; readonly words: readonly Word[] }[] {
  return section.lines
    .map(({ text }, index) => ({ index, words: wordsOf(text) }))
    .filter(({ index, words }) => words.length > 0 && (index > 0 || section.kind === ''));
}

/** Whether one of the section's lines starts with these words. */
export function hasDirective(section: ConfigSection, ...start: readonly string[]): boolean {
  return directives(section).some(({ words }) => start.every((word, i) => words[i]?.value === word));
}

/** The section with one line's text changed, or with the line taken out (`undefined`). */
export function withLine(section: ConfigSection, index: number, text: string | undefined): ConfigSection {
  const lines = section.lines.flatMap((line, i) => {
    if (i !== index) return [line];
    return text === undefined ? [] : [{ text, eol: line.eol }];
  });
  return { ...section, lines };
}

/**
 * The section with a directive added behind line `after`, or behind its last directive, so that comments and blank lines that
 * lead to the next section stay where they are. It is indented as its neighbour is and ends as the neighbour does.
 */
export function addDirective(section: ConfigSection, text: string, after?: number): ConfigSection {
  const last = after ?? directives(section).at(-1)?.index ?? 0;
  const lines = [...section.lines];
  const neighbour = lines[last];
  const eol = neighbour?.eol === undefined || neighbour.eol === '' ? '\n' : neighbour.eol;
  if (neighbour !== undefined) lines[last] = { text: neighbour.text, eol };
  lines.splice(last + 1, 0, { text: indentOf(section) + text, eol });
  return { ...section, lines };
}

/** Adds a directive above the first server line. */
export function addBeforeServers(section: ConfigSection, text: string): ConfigSection {
  const all = directives(section);
  const server = all.findIndex(({ words }) => words[0]?.value === 'server');
  if (server === -1) return addDirective(section, text);
  return addDirective(section, text, all[server - 1]?.index ?? 0);
}

function indentOf(section: ConfigSection): string {
  const body = directives(section).find(({ index }) => index > 0);
  const text = body === undefined ? undefined : section.lines[body.index]?.text;
  return /^[ \t]*/.exec(text ?? '    ')?.[0] ?? '';
}

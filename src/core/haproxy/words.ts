/** One word of a configuration line: what HAProxy reads, and where it stands in the line. */
export interface Word {
  readonly value: string;
  readonly start: number;
  /** Just behind the last character. */
  readonly end: number;
}

const BLANK = /[ \t\r]/;

/**
 * Splits a line as HAProxy does (configuration manual, 2.2): blanks separate, `\` escapes one character, double and single quotes
 * group, an unquoted `#` starts a comment. Variables in double quotes are left as they are written.
 */
export function wordsOf(line: string): readonly Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < line.length) {
    const char = line.charAt(at);
    if (char === '#') break;
    if (BLANK.test(char)) {
      at += 1;
      continue;
    }
    const word = readWord(line, at);
    words.push(word);
    at = word.end;
  }
  return words;
}

function readWord(line: string, start: number): Word {
  let value = '';
  let quote = '';
  let at = start;
  while (at < line.length) {
    const char = line.charAt(at);
    if (quote === '' && (BLANK.test(char) || char === '#')) break;
    if (char === '\\' && quote !== "'") {
      value += line.charAt(at + 1);
      at += 2;
      continue;
    }
    at += 1;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else value += char;
  }
  return { value, start, end: Math.min(at, line.length) };
}

/** The line with the characters of one word replaced. */
export function replaceWord(line: string, word: Word, by: string): string {
  return line.slice(0, word.start) + by + line.slice(word.end);
}

/** The line without the given words and the blanks before them. */
export function removeWords(line: string, gone: readonly Word[]): string {
  let result = line;
  for (const { start, end } of gone.toSorted((a, b) => b.start - a.start)) {
    result = result.slice(0, start).replace(/[ \t]+$/, '') + result.slice(end);
  }
  return result;
}

/** The line with words added behind its last word, before any comment. */
export function appendWords(line: string, added: readonly string[]): string {
  const end = wordsOf(line).at(-1)?.end ?? line.length;
  return added.length === 0 ? line : `${line.slice(0, end)} ${added.join(' ')}${line.slice(end)}`;
}

/** A word as it must be written in a line, blanks and signs that HAProxy would read otherwise escaped. */
export function quoteWord(value: string): string {
  return value.replace(/[^A-Za-z0-9_./:,@%+=()[\]|*?&^~<>{}!;\x80-\xff-]/g, '\\$&');
}

import type { ReaderTraits } from '../decide/read-placement.ts';
import { appendWords, removeWords, replaceWord, wordsOf } from './words.ts';

/** A `server NAME ADDRESS [options]` line. */
export interface ServerLine {
  readonly name: string;
  /** As written: `10.0.0.1:3306`. */
  readonly address: string;
  /** The words behind the address, without `disabled`. */
  readonly options: readonly string[];
  readonly disabled: boolean;
}

/** undefined when the line is not a complete server line. */
export function parseServerLine(text: string): ServerLine | undefined {
  const [keyword, name, address, ...options] = wordsOf(text).map(({ value }) => value);
  if (keyword !== 'server' || name === undefined || address === undefined) return undefined;
  return {
    name,
    address,
    options: options.filter((option) => option !== 'disabled'),
    disabled: options.includes('disabled'),
  };
}

/** Replaces the address alone; every other byte of the line stays. */
export function setAddress(text: string, address: string): string {
  const word = wordsOf(text)[2];
  return word === undefined || word.value === address ? text : replaceWord(text, word, address);
}

export function setDisabled(text: string, disabled: boolean): string {
  const found = optionWords(text).filter(({ value }) => value === 'disabled');
  if (!disabled) return removeWords(text, found);
  return found.length > 0 ? text : appendWords(text, ['disabled']);
}

/** The options without a weight that can be set at run time, and that weight. */
export function splitWeight(options: string): {
  readonly others: string;
  readonly weight: number | undefined;
} {
  const match = WEIGHT.exec(options);
  const weight = Number(match?.[1]);
  if (match === null || weight > MOST_WEIGHT) return { others: options, weight: undefined };
  return { others: options.replace(match[0], '').trim(), weight };
}

const WEIGHT = /(?:^| )weight (\d{1,3})(?= |$)/;
const MOST_WEIGHT = 256;

/** Says on its line how a read server is used; what is undefined stays. */
export function setTraits(text: string, { backup, weight }: ReaderTraits): string {
  const weighed = weight === undefined ? text : setOption(text, 'weight', String(weight));
  if (backup === undefined) return weighed;
  return backup ? setOption(weighed, 'backup', '') : dropOption(weighed, 'backup', 0);
}

/** Gives the option `name` this value where it stands, or adds it; `''` is an option without a value. */
export function setOption(text: string, name: string, value: string): string {
  const words = optionWords(text);
  const at = words.findIndex((word) => word.value === name);
  if (at === -1) return appendWords(text, value === '' ? [name] : [name, value]);
  const current = words[at + 1];
  if (value === '' || current?.value === value) return text;
  return current === undefined ? appendWords(text, [value]) : replaceWord(text, current, value);
}

/** Takes out an option and its `values` values. */
export function dropOption(text: string, name: string, values: number): string {
  const words = optionWords(text);
  const at = words.findIndex((word) => word.value === name);
  return at === -1 ? text : removeWords(text, words.slice(at, at + 1 + values));
}

function optionWords(text: string) {
  return wordsOf(text).slice(3);
}

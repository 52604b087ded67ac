import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const ROOT = path.resolve(import.meta.dirname, '../..');
export const CORPUS = path.resolve(ROOT, '../shared/corpus');

/** A reason to skip where the shared corpus is not beside the checkout, else false. */
export const withoutCorpus = existsSync(CORPUS) ? false : 'the shared corpus is not beside this checkout';

/** The bytes of a corpus file, unpacked when it is stored packed. */
export function readCorpus(file: string): Buffer {
  const bytes = readFileSync(path.join(CORPUS, file));
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export function readCorpusJson(file: string): unknown {
  return JSON.parse(readCorpus(file).toString('utf8'));
}

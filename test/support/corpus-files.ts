import { readdirSync } from 'node:fs';
import path from 'node:path';
import { CORPUS, withoutCorpus } from './corpus.ts';

/** Every binlog file of the corpus, relative to it; none where the corpus is absent. */
export function corpusFiles(): readonly string[] {
  if (withoutCorpus !== false) return [];
  const folders = ['gen97', 'mtr97', ...list('real').map((version) => `real/${version}`)];
  return folders.flatMap((folder) => list(folder).map((name) => `${folder}/${name}`));
}

function list(folder: string): string[] {
  return readdirSync(path.join(CORPUS, folder)).sort();
}

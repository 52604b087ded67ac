import type { SalvageStore, SavedSet } from '../../src/ports/salvage.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import { memoryFiles } from './memory-binlog.ts';

interface Kept {
  readonly set: SavedSet;
  readonly files: Readonly<Record<string, Buffer>>;
  sql: string;
  index: string;
}

/** Saved transactions that are only bytes. `kept`: called as a set gets its name. */
export class MemorySalvage implements SalvageStore {
  readonly sets = new Map<string, Kept>();
  readonly #kept: () => Promise<void>;

  constructor(kept: () => Promise<void> = () => Promise.resolve()) {
    this.#kept = kept;
  }

  find: SalvageStore['find'] = ({ group, host, at }) => {
    return Promise.resolve(this.sets.get(`${group}/${host}/${at}`)?.set);
  };

  begin: SalvageStore['begin'] = ({ group, host, at }) => {
    const name = `${group}/${host}/${at}`;
    const files: Record<string, Buffer> = {};
    const kept: Kept = { set: { name, directory: `/salvage/${name}` }, files, sql: '', index: '' };
    return Promise.resolve({
      copy: async (file, chunks) => void (files[file] = await whole(chunks)),
      writeSql: async (chunks) => void (kept.sql = (await whole(chunks)).toString()),
      writeIndex: (text) => Promise.resolve(void (kept.index = text)),
      keep: async () => {
        await this.#kept();
        this.sets.set(name, kept);
        return kept.set;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  };

  list: SalvageStore['list'] = () => Promise.resolve([...this.sets.values()].map(({ set }) => set));
  readIndex: SalvageStore['readIndex'] = (set) => Promise.resolve(this.#at(set).index);
  open: SalvageStore['open'] = (set) => memoryFiles(this.#at(set).files);
  sqlFile: SalvageStore['sqlFile'] = ({ directory }) => `${directory}/transactions.sql`;

  retell: SalvageStore['retell'] = async (set, { sql, index }) => {
    const kept = this.#at(set);
    kept.sql = (await whole(sql)).toString();
    kept.index = index;
  };

  remove: SalvageStore['remove'] = ({ name }) => Promise.resolve(void this.sets.delete(name));

  #at({ name }: SavedSet): Kept {
    const kept = this.sets.get(name);
    if (kept === undefined) throw new DcmhaError('NOT_FOUND', `there is no set ${name}`);
    return kept;
  }
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

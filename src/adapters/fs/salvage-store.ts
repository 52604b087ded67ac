import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../../core/model/errors.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { SalvageDraft, SalvagePlace, SalvageStore, SavedSet } from '../../ports/salvage.ts';
import { BinlogFiles } from './binlog-files.ts';
import { freeBytes } from './free-space.ts';

const indexName = 'index.json';
const sqlName = 'transactions.sql';
/** Of the copied binlog files, in the form of a server's own. */
const binlogIndexName = 'binlog.index';
/** Sets being written; a crash leaves one, and the next attempt removes it. */
const draftSuffix = '.saving';
/** Rows hold what the application's do: nobody else's business. */
const directoryMode = 0o700;
const fileMode = 0o600;

/** Saved transactions under `salvage.directory/GROUP/HOST/WHEN/`. */
export function createSalvageStore(directory: string): SalvageStore {
  return new Store(path.resolve(directory));
}

class Store implements SalvageStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async find(place: SalvagePlace): Promise<SavedSet | undefined> {
    const set = this.#setAt(place);
    return (await exists(path.join(set.directory, indexName))) ? set : undefined;
  }

  async begin(place: SalvagePlace, sizeBytes: number): Promise<SalvageDraft> {
    const set = this.#setAt(place);
    const draft = `${set.directory}${draftSuffix}`;
    await saving(draft, async () => {
      await rm(draft, { recursive: true, force: true });
      await mkdir(draft, { recursive: true, mode: directoryMode });
      const free = await freeBytes(draft);
      if (free < sizeBytes) throw new Error(`${free} bytes are free, ${sizeBytes} are needed`);
    });
    return new Draft(draft, set, this.#root);
  }

  async list(): Promise<readonly SavedSet[]> {
    const sets: SavedSet[] = [];
    for (const group of await namesIn(this.#root)) {
      for (const host of await namesIn(path.join(this.#root, group))) {
        for (const when of await namesIn(path.join(this.#root, group, host))) {
          const set = this.#set([group, host, when]);
          if (!when.endsWith(draftSuffix) && (await exists(path.join(set.directory, indexName))))
            sets.push(set);
        }
      }
    }
    return sets;
  }

  async readIndex({ directory }: SavedSet): Promise<string> {
    const file = path.join(directory, indexName);
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      throw failure('cannot read', file, cause);
    }
  }

  open({ directory }: SavedSet): BinlogSource {
    return new BinlogFiles({ indexFile: path.join(directory, binlogIndexName) });
  }

  sqlFile({ directory }: SavedSet): string {
    return path.join(directory, sqlName);
  }

  async retell(
    { directory }: SavedSet,
    { sql, index }: { readonly sql: AsyncIterable<Buffer>; readonly index: string },
  ): Promise<void> {
    const parts: readonly (readonly [string, AsyncIterable<Buffer> | Iterable<Buffer>])[] = [
      [sqlName, sql],
      [indexName, [Buffer.from(index)]],
    ];
    for (const [name, chunks] of parts) {
      const [file, draft] = [path.join(directory, name), path.join(directory, `${name}${draftSuffix}`)];
      await saving(draft, () => rm(draft, { force: true }));
      await writeWhole(draft, chunks);
      await saving(file, () => rename(draft, file));
    }
    await saving(directory, () => syncDirectory(directory));
  }

  async remove({ directory }: SavedSet): Promise<void> {
    const doomed = `${directory}${draftSuffix}`;
    try {
      // Under the other name first: half of a set is no set.
      await rename(directory, doomed);
      await rm(doomed, { recursive: true, force: true });
    } catch (cause) {
      throw failure('cannot remove', directory, cause);
    }
  }

  #setAt({ group, host, at }: SalvagePlace): SavedSet {
    return this.#set([group, host, new Date(at).toISOString().replaceAll(':', '-')]);
  }

  #set(parts: readonly [group: string, host: string, when: string]): SavedSet {
    return { name: parts.join('/'), directory: path.join(this.#root, ...parts) };
  }
}

class Draft implements SalvageDraft {
  readonly #draft: string;
  readonly #set: SavedSet;
  readonly #root: string;
  readonly #binlogs: string[] = [];

  constructor(draft: string, set: SavedSet, root: string) {
    this.#draft = draft;
    this.#set = set;
    this.#root = root;
  }

  async copy(name: string, chunks: AsyncIterable<Buffer>): Promise<void> {
    await this.#write(name, chunks);
    this.#binlogs.push(name);
  }

  writeSql(chunks: AsyncIterable<Buffer>): Promise<void> {
    return this.#write(sqlName, chunks);
  }

  writeIndex(text: string): Promise<void> {
    return this.#write(indexName, [Buffer.from(text)]);
  }

  async keep(): Promise<SavedSet> {
    const { directory } = this.#set;
    await this.#write(binlogIndexName, [Buffer.from(this.#binlogs.map((name) => `./${name}\n`).join(''))]);
    await saving(directory, async () => {
      await syncDirectory(this.#draft);
      await rename(this.#draft, directory);
      // The new name is on the disk only when its directory is, and so on up.
      for (let at = path.dirname(directory); at.startsWith(this.#root); at = path.dirname(at))
        await syncDirectory(at);
    });
    return this.#set;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // After `keep` there is nothing of that name. What cannot be removed is removed by the next attempt.
    await rm(this.#draft, { recursive: true, force: true }).catch(() => undefined);
  }

  async #write(name: string, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    await writeWhole(path.join(this.#draft, path.basename(name)), chunks);
  }
}

async function writeWhole(file: string, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  await using handle = await saving(file, () => open(file, 'wx', fileMode));
  // What the source of the chunks throws is not about this file.
  for await (const chunk of chunks) await saving(file, () => handle.appendFile(chunk));
  await saving(file, () => handle.sync());
}

async function saving<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw failure('cannot save transactions in', file, cause);
  }
}

function failure(what: string, file: string, cause: unknown): DcmhaError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DcmhaError('UNEXPECTED', `${what} ${file}: ${reason}`, { details: { file }, cause });
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** In order; none when there is no such directory. */
async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw failure('cannot read', directory, cause);
  }
}

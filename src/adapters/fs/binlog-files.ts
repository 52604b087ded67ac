import { constants } from 'node:fs';
import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../../core/model/errors.ts';
import type { BinlogFile, BinlogSource, OpenBinlogFile } from '../../ports/binlog-source.ts';

// Big enough that the system call costs nothing beside the checksum, small enough that two in flight are no burden.
const CHUNK_BYTES = 1024 * 1024;

export interface BinlogFilesOptions {
  /** The server's `@@log_bin_index`, such as `/var/lib/mysql/binlog.index`. The files are beside it. */
  readonly indexFile: string;
  /** What relative names in the index start from; the index file's directory when absent. */
  readonly dataDirectory?: string;
}

/** The binlog of a server on this host. Nothing outside the index file's directory is ever opened, whatever the index says. */
export class BinlogFiles implements BinlogSource {
  readonly #indexFile: string;
  readonly #directory: string;
  readonly #dataDirectory: string;

  constructor({ indexFile, dataDirectory }: BinlogFilesOptions) {
    this.#indexFile = path.resolve(indexFile);
    this.#directory = path.dirname(this.#indexFile);
    this.#dataDirectory = path.resolve(dataDirectory ?? this.#directory);
  }

  async list(): Promise<readonly BinlogFile[]> {
    const names = await this.#names();
    return Promise.all(
      names.map(async (name) => {
        const file = path.join(this.#directory, name);
        const { size } = await stat(file).catch((error: unknown) => fail(file, error));
        return { name, sizeBytes: size };
      }),
    );
  }

  async open(name: string): Promise<OpenBinlogFile> {
    const names = await this.#names();
    if (!names.includes(name)) {
      throw new DcmhaError('NOT_FOUND', `${this.#indexFile} has no file ${JSON.stringify(name)}`, {
        details: { file: name },
      });
    }
    return openBinlogFile(path.join(this.#directory, name));
  }

  async #names(): Promise<readonly string[]> {
    const text = await readFile(this.#indexFile, 'utf8').catch((error: unknown) =>
      fail(this.#indexFile, error),
    );
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .map((line) => this.#nameOf(line));
  }

  #nameOf(line: string): string {
    const file = path.resolve(this.#dataDirectory, line);
    if (path.dirname(file) === this.#directory) return path.basename(file);
    throw new DcmhaError(
      'BINLOG_UNSUPPORTED',
      `${this.#indexFile} names ${line}, which is not in its directory`,
      {
        details: { file: line },
      },
    );
  }
}

/** Opens one file by its path. A symbolic link is refused, unless a person named it: it could lead anywhere. */
export async function openBinlogFile(
  file: string,
  { followLinks = false }: { readonly followLinks?: boolean } = {},
): Promise<OpenBinlogFile> {
  // Not blocking: a named pipe must not hold us up.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW);
  const handle = await open(file, flags).catch((error: unknown) => fail(file, error));
  const stats = await handle.stat();
  if (stats.isFile()) return new OpenFile(path.basename(file), handle);
  await handle.close();
  throw new DcmhaError('NOT_FOUND', `${file} is not a file`, { details: { file } });
}

class OpenFile implements OpenBinlogFile {
  readonly name: string;
  readonly #handle: FileHandle;

  constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async *read(start: number, end = Number.MAX_SAFE_INTEGER): AsyncGenerator<Buffer, void> {
    let at = start;
    let next = this.#readAt(at, end);
    for (;;) {
      const chunk = await next;
      if (chunk.length === 0) return;
      at += chunk.length;
      // The next read runs while the caller works on this chunk.
      next = this.#readAt(at, end);
      // Who stops early does not wait for it; its failure then concerns nobody.
      next.catch(() => undefined);
      yield chunk;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #readAt(position: number, end: number): Promise<Buffer> {
    const wanted = Math.min(CHUNK_BYTES, end - position);
    if (wanted <= 0) return Buffer.alloc(0);
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const { bytesRead } = await this.#handle
      .read(buffer, 0, wanted, position)
      .catch((error: unknown) => fail(this.name, error));
    return buffer.subarray(0, bytesRead);
  }
}

const CODES_OF_ABSENCE = new Set<unknown>(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP']);

function fail(file: string, cause: unknown): never {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new DcmhaError(
    CODES_OF_ABSENCE.has(code) ? 'NOT_FOUND' : 'UNEXPECTED',
    `cannot read ${file}: ${reason}`,
    {
      details: { file },
      cause,
    },
  );
}

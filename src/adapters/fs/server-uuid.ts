import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../../core/model/errors.ts';

const LINE = /^\s*server[-_]uuid\s*=\s*([0-9a-fA-F-]{36})\s*$/m;

/** The uuid of the server whose data directory this is, as its `auto.cnf` keeps it. Throws `NOT_FOUND`. */
export async function readServerUuid(dataDirectory: string): Promise<string> {
  const file = path.join(dataDirectory, 'auto.cnf');
  // The error that follows names the file.
  const text = await readFile(file, 'utf8').catch(() => '');
  const uuid = LINE.exec(text)?.[1];
  if (uuid !== undefined) return uuid.toLowerCase();
  throw new DcmhaError('NOT_FOUND', `${file} has no server-uuid, or cannot be read`, { details: { file } });
}

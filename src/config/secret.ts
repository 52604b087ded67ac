import { readFile, stat } from 'node:fs/promises';
import { DcmhaError } from '../core/model/errors.ts';

/**
 * A password: the environment's `variable` when that is set, else the content of `file` without the line feed at its end. `warn` is
 * told when everybody on the host can read the file. Throws CONFIG_INVALID naming `key`.
 */
export async function readSecret(source: {
  /** The setting that names the file: `mysql.passwordFile`. */
  readonly key: string;
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly warn?: (message: string, fields: { readonly file: string }) => void;
}): Promise<string> {
  const { key, file, env, warn } = source;
  const variable = secretVariable(key);
  const given = env[variable];
  if (given !== undefined && given !== '') return given;
  if (file === undefined) {
    throw invalid(key, `${key} is not set: name the file that holds the secret, or set ${variable}`);
  }
  const secret = (await readText(key, file)).replace(/\r?\n$/, '');
  if (secret === '') throw invalid(key, `${key}: ${file} is empty`);
  if (/[\r\n\0]/.test(secret)) throw invalid(key, `${key}: ${file} holds more than one line`);
  const { mode } = await stat(file);
  if ((mode & 0o004) !== 0) warn?.('everybody on this host can read a secret: chmod 600', { file });
  return secret;
}

/** The text of the certificate that the setting `key` names; undefined when it is not set. Throws CONFIG_INVALID. */
export async function readCertificate(
  file: string | undefined,
  key = 'mysql.sslCaFile',
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readText(key, file);
  // Without this, Node would trust nothing and say so only at the first connection.
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw invalid(key, `${key}: ${file} is no certificate in PEM`);
  return text;
}

/** The text of a private key; undefined when none is set. Throws CONFIG_INVALID. */
export async function readKey(file: string | undefined, key: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readText(key, file);
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
    throw invalid(key, `${key}: ${file} is no private key in PEM`);
  return text;
}

/** `mysql.passwordFile` -> `DCMHA_MYSQL_PASSWORD`. */
export function secretVariable(key: string): string {
  const name = key.replace(/File$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return `DCMHA_${name.replace('.', '_').toUpperCase()}`;
}

async function readText(key: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'UNKNOWN';
    throw new DcmhaError('CONFIG_INVALID', `${key}: ${file} cannot be read (${code})`, {
      details: { key, file, code },
      cause,
    });
  }
}

function invalid(key: string, message: string): DcmhaError {
  return new DcmhaError('CONFIG_INVALID', message, { details: { key } });
}

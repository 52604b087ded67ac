import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, parseDocument, type Document, type YAMLMap } from 'yaml';
import { DcmhaError } from '../core/model/errors.ts';
import { isMapping, type Origins, type RawConfig } from './raw-config.ts';

export interface ConfigFile {
  readonly raw: RawConfig;
  /** Sections and keys, known or not. */
  readonly origins: Origins;
}

/** Reads a YAML file. Throws CONFIG_INVALID with file and line. */
export function readConfigFile(file: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    const [reason = ''] = error.message.split('\n');
    throw invalid(file, `${file}:${line}: not YAML: ${reason.replace(/ at line \d+, column \d+:?$/, '')}`);
  }
  const raw = toPlain(document, file);
  if (raw === null || raw === undefined) return { raw: {}, origins: new Map() };
  if (!isMapping(raw)) throw invalid(file, `${file}: must hold sections such as \`zookeeper:\``);
  return { raw, origins: originsOf(document, file, lines) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'UNKNOWN';
    throw new DcmhaError('CONFIG_INVALID', `${file} cannot be read (${code}): name another with --config`, {
      details: { file, code },
      cause,
    });
  }
}

function toPlain(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // Aliases that lead nowhere, or that multiply.
    throw new DcmhaError('CONFIG_INVALID', `${file}: its aliases cannot be resolved`, {
      details: { file },
      cause,
    });
  }
}

function originsOf(document: Document.Parsed, file: string, lines: LineCounter): Origins {
  const origins = new Map<string, string>();
  const visit = (map: YAMLMap, prefix: string, depth: number): void => {
    for (const { key, value } of map.items) {
      if (!isScalar(key)) continue;
      const name = `${prefix}${String(key.value)}`;
      origins.set(name, `${file}:${lines.linePos(key.range?.[0] ?? 0).line}`);
      if (depth > 0 && isMap(value)) visit(value, `${name}.`, depth - 1);
    }
  };
  if (isMap(document.contents)) visit(document.contents, '', 1);
  return origins;
}

function invalid(file: string, message: string): DcmhaError {
  return new DcmhaError('CONFIG_INVALID', message, { details: { file } });
}

import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { createLogger, type Logger } from 'winston';
import { z } from 'zod';
import { DcmhaError } from '../../core/model/errors.ts';
import type { Log, LogFields } from '../../ports/system.ts';

export interface LogSettings {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly format: 'json' | 'text';
  /** Literal secrets: a last guard, for nothing should pass one to a log. Looked at anew for each line, so more may be added. */
  readonly secrets?: Iterable<string>;
  /** Default: standard error. */
  readonly stream?: NodeJS.WritableStream;
}

/** One line per call. A reader that went away (EPIPE) must not end a daemon. */
export function createLog(settings: LogSettings): Log {
  const stream = settings.stream ?? process.stderr;
  stream.on('error', () => undefined);
  const { secrets = [] } = settings;
  const render = settings.format === 'json' ? renderJson : renderText;
  const logger = createLogger({ level: settings.level, transports: [] });
  logger.pipe(
    new Writable({
      objectMode: true,
      write: (entry: unknown, _encoding, done) => {
        const { level, message, fields } = lineSchema.parse(entry);
        stream.write(`${redact(render(level, message, fields), secrets)}\n`);
        done();
      },
    }),
  );
  return wrap(logger, {});
}

const lineSchema = z.object({
  level: z.string(),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()),
});

function wrap(logger: Logger, added: LogFields): Log {
  const line =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      // winston leaves this to its transports, and we write by ourselves.
      if (!logger.isLevelEnabled(level)) return;
      // In an object of its own: winston would let a field called `message` or `level` replace the line's.
      logger.log({ level, message, fields: { ...added, ...fields } });
    };
  return {
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: line('debug'),
    with: (fields) => wrap(logger, { ...added, ...fields }),
  };
}

function renderJson(level: string, message: string, fields: LogFields): string {
  const line = { time: new Date().toISOString(), level, message };
  try {
    // The line's own keys come first and win.
    return JSON.stringify({ ...line, ...fields, ...line }, plain);
  } catch {
    // A circular field: shown as text rather than losing the line.
    return JSON.stringify({ ...line, fields: inspect(fields, { depth: 3, breakLength: Infinity }) });
  }
}

function renderText(level: string, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${textOf(value)}`);
  return `${new Date().toISOString()} ${level.padEnd(5)} ${message}${pairs.join('')}`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@%+,-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return value.toString();
  try {
    return JSON.stringify(value, plain);
  } catch {
    // Circular.
    return inspect(value, { depth: 2, breakLength: Infinity });
  }
}

/** What JSON would lose or refuse: errors, 64-bit numbers, maps and sets. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof DcmhaError) return { code: value.code, message: value.message, ...value.details };
  if (value instanceof Error) return { message: value.message, stack: value.stack };
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

/** A secret of fewer characters would blot out ordinary words. */
const SHORTEST_SECRET = 4;

function redact(line: string, secrets: Iterable<string>): string {
  let kept = line;
  for (const secret of secrets) {
    if (secret.length < SHORTEST_SECRET) continue;
    // As it is, and as JSON writes it.
    kept = kept.replaceAll(secret, '***').replaceAll(JSON.stringify(secret).slice(1, -1), '***');
  }
  return kept;
}

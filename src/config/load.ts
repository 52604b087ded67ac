import { existsSync } from 'node:fs';
import { DcmhaError } from '../core/model/errors.ts';
import { brokenRules } from './check.ts';
import { describeConfig, type SettingRow } from './describe.ts';
import { readEnvironment } from './environment.ts';
import { readConfigFile, type ConfigFile } from './file.ts';
import { describeIssues, locate } from './problems.ts';
import { mergeRaw, type Origins, type RawConfig } from './raw-config.ts';
import { configSchema, type Config } from './schema.ts';

/** Read when no file is named, and no error when it is not there. */
const DEFAULT_FILE = '/etc/dcmha/dcmha.yaml';

export interface ConfigSources {
  /** Must exist when named. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `section.key` -> value; undefined is not set. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** Flags win over the environment, that over the file, that over defaults. Throws CONFIG_INVALID: one line a problem, all of them. */
export function loadConfig(sources: ConfigSources): Config {
  return loadConfigWithOrigins(sources).config;
}

/** The same, and where each setting that is no default was written. */
export function loadConfigWithOrigins(sources: ConfigSources): {
  readonly config: Config;
  readonly origins: Origins;
} {
  const rows = describeConfig();
  const file = readFileLayer(sources);
  const environment = readEnvironment(rows, sources.env);
  const flags = readFlags(sources.flags);
  const raw = mergeRaw(file.raw, environment.raw, flags.raw);
  const origins = new Map([...file.origins, ...environment.origins, ...flags.origins]);
  return { config: parse(raw, origins, rows), origins };
}

function parse(raw: RawConfig, origins: Origins, rows: readonly SettingRow[]): Config {
  const parsed = configSchema.safeParse(raw);
  if (!parsed.success) throw invalid(describeIssues(parsed.error.issues, { raw, origins, rows }));
  const broken = brokenRules(parsed.data);
  if (broken.length > 0) throw invalid(broken.map(({ key, text }) => `${locate(key, origins)}: ${text}`));
  return parsed.data;
}

function readFileLayer({ file, env }: ConfigSources): ConfigFile {
  const named = file ?? env['DCMHA_CONFIG'];
  if (named !== undefined && named !== '') return readConfigFile(named);
  return existsSync(DEFAULT_FILE) ? readConfigFile(DEFAULT_FILE) : { raw: {}, origins: new Map() };
}

function readFlags(flags: ConfigSources['flags']): ConfigFile {
  const raw: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, string>();
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const [section = '', name = ''] = key.split('.');
    (raw[section] ??= {})[name] = value;
    origins.set(key, 'flag');
  }
  return { raw, origins };
}

function invalid(problems: readonly string[]): DcmhaError {
  return new DcmhaError('CONFIG_INVALID', problems.join('\n'), { details: { problems: problems.length } });
}

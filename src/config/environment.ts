import type { SettingRow } from './describe.ts';
import type { Origins, RawConfig } from './raw-config.ts';

/** Variables that start like settings and are not: read elsewhere, or set by dcmha for its children. */
const OTHERS = /^DCMHA_(CONFIG|MYSQL_BASEDIR|ALERT_.*|.*_(PASSWORD|SECRET))$/;

/** What the environment sets, with texts turned into the setting's own type where they can be; the schema judges the rest. */
export function readEnvironment(
  rows: readonly SettingRow[],
  env: Readonly<Record<string, string | undefined>>,
): { readonly raw: RawConfig; readonly origins: Origins } {
  const raw: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, string>();
  for (const row of rows) {
    const text = env[row.variable];
    if (text === undefined) continue;
    const [section = '', name = ''] = row.key.split('.');
    (raw[section] ??= {})[name] = parse(row, text);
    origins.set(row.key, `environment ${row.variable}`);
  }
  return { raw, origins };
}

/** Variables that look like settings and set nothing: most likely misspelt. */
export function unknownVariables(
  rows: readonly SettingRow[],
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const known = new Set(rows.map(({ variable }) => variable));
  const sections = new Set(rows.map(({ variable }) => variable.slice(0, variable.indexOf('_', 6) + 1)));
  return Object.keys(env)
    .filter((name) => [...sections].some((section) => name.startsWith(section)))
    .filter((name) => !known.has(name) && !OTHERS.test(name))
    .sort();
}

function parse({ form }: SettingRow, text: string): unknown {
  switch (form) {
    case 'integer':
      return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return parseBoolean(text);
    case 'list':
      return parseList(text);
    case 'text':
    case 'choice':
      return text;
  }
}

function parseBoolean(text: string): unknown {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === '1') return true;
  return word === 'false' || word === '0' ? false : text;
}

/** A JSON array, or words separated by blanks. */
function parseList(text: string): unknown {
  if (!text.trim().startsWith('[')) return text.split(/\s+/).filter((word) => word !== '');
  try {
    return JSON.parse(text);
  } catch {
    // Left as it is for the schema to refuse.
    return text;
  }
}

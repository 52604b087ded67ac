import { z } from 'zod';
import { DcmhaError } from '../core/model/errors.ts';
import { policyOverrides, type PolicyOverrides } from '../core/store/policy.ts';
import { brokenRules } from './check.ts';
import { describeConfig, type SettingRow } from './describe.ts';
import { isMapping, mergeRaw, type Origins } from './raw-config.ts';
import { configSchema, type Config } from './schema.ts';

/** One setting that a group may have of its own, with the value in force and who says so. */
export interface PolicyRow {
  readonly key: string;
  readonly value: unknown;
  /** `group`, where the file sets it, or `default`. */
  readonly from: string;
  /** What is in force without the group's own. */
  readonly otherwise: unknown;
  readonly type: string;
  readonly meaning: string;
}

const tree = z.object({
  properties: z.record(z.string(), z.object({ properties: z.record(z.string(), z.unknown()) })),
});

/** The settings that a group may have of its own, as the configuration describes them. */
function settings(): readonly SettingRow[] {
  const { properties } = tree.parse(z.toJSONSchema(policyOverrides, { io: 'input' }));
  const keys = new Set(
    Object.entries(properties).flatMap(([section, { properties: names }]) =>
      Object.keys(names).map((name) => `${section}.${name}`),
    ),
  );
  return describeConfig().filter(({ key }) => keys.has(key));
}

/** Every setting of a group, in the configuration's order. */
export function explainPolicy(
  own: PolicyOverrides,
  { config, origins }: { readonly config: Config; readonly origins: Origins },
): readonly PolicyRow[] {
  return settings().map(({ key, type, description }) => {
    const [value, otherwise] = [at(own, key), at(config, key)];
    const said = origins.get(key) ?? 'default';
    const isOwn = value !== undefined;
    return {
      key,
      value: isOwn ? value : otherwise,
      from: isOwn ? 'group' : said,
      otherwise,
      type,
      meaning: description,
    };
  });
}

/** The setting of this name. Throws `USAGE` with those there are. */
export function policySetting(key: string): SettingRow {
  const all = settings();
  const row = all.find((one) => one.key === key);
  if (row !== undefined) return row;
  const known = all.map((one) => one.key).join(', ');
  throw new DcmhaError('USAGE', `a group has no setting ${JSON.stringify(key)} of its own: ${known}`, {
    details: { key },
  });
}

/**
 * A group's settings with one of them changed; `value` undefined: as the configuration says again. Throws `USAGE` for a wrong value,
 * and for one that does not go with the other settings.
 */
export function withSetting(
  own: PolicyOverrides,
  { key, type }: SettingRow,
  value: unknown,
  config: Config,
): PolicyOverrides {
  const [section = '', name = ''] = key.split('.');
  const { [section]: before, ...others }: Record<string, unknown> = own;
  const rest = Object.entries(isMapping(before) ? before : {}).filter(([one]) => one !== name);
  const after = Object.fromEntries(value === undefined ? rest : [...rest, [name, value]]);
  const changed = Object.keys(after).length === 0 ? others : { ...others, [section]: after };
  const parsed = policyOverrides.safeParse(changed);
  if (!parsed.success)
    throw new DcmhaError('USAGE', `${key} must be ${type}, not ${JSON.stringify(value)}`, {
      details: { key },
    });
  checkTogether(parsed.data, config);
  return parsed.data;
}

function checkTogether(own: PolicyOverrides, config: Config): void {
  const known = new Set(brokenRules(config).map((rule) => rule.key));
  const broken = brokenRules(configSchema.parse(mergeRaw(config, own))).filter(({ key }) => !known.has(key));
  if (broken.length === 0) return;
  throw new DcmhaError('USAGE', broken.map(({ key, text }) => `${key} ${text}`).join('; '));
}

function at(values: object, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((value, name) => (isMapping(value) ? value[name] : undefined), values);
}

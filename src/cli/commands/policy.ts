import { explainPolicy, policySetting, withSetting, type PolicyRow } from '../../config/group-policy.ts';
import { loadConfigWithOrigins } from '../../config/load.ts';
import type { SettingRow } from '../../config/describe.ts';
import { DcmhaError, hasCode } from '../../core/model/errors.ts';
import { readMemberIds } from '../../core/store/inventory.ts';
import { changePolicy, readPolicy } from '../../core/store/policy.ts';
import type { Coordination } from '../../ports/coordination.ts';
import { actionIn, needed } from '../action.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { parseDuration } from '../duration.ts';
import { print, table } from '../output.ts';

const remedy = ': dcmha policy get lists them';
const actions = { get: 'get', set: 'set', unset: 'unset' } as const;

export const policyCommand = defineCommand({
  command: 'policy <action> [key] [value]',
  describe: "get, set, unset: a group's own settings, which go before the configuration file's",
  help:
    'get: every setting that a group may have of its own, the value in force, and who says so (the group, the file and its line, or the ' +
    "default); with a KEY, or a section such as failover, only that. set KEY VALUE: the group's own value; lists are written a,b; times also as 30s, 10m, 2h. " +
    'unset KEY: as the file says again. In force at once, for whatever begins after it.',
  options: { group: { type: 'string', demandOption: true, describe: 'name of the group' } },
  examples: [
    ['$0 policy get --group orders'],
    ['$0 policy set --group orders failover.crossDc needs-approval'],
    ['$0 policy set --group orders failover.allowedDcs east,west'],
    ['$0 policy unset --group orders failover.crossDc'],
  ],
  run: async (args) => {
    const { key, ...given } = args as {
      readonly action?: string;
      readonly key?: string;
      /** yargs makes a number of what looks like one. */
      readonly value?: string | number;
    };
    const action = actionIn(actions, given.action);
    const value = given.value === undefined ? undefined : String(given.value);
    const edit = action === 'get' ? undefined : editOf({ group: args.group, action, key, value });
    await using context = new Context(args);
    const { config, origins } = loadConfigWithOrigins({ file: args.config, env: process.env, flags: {} });
    const store = await context.coordination();
    await readMemberIds(store, args.group);
    if (edit === undefined) {
      const own = await readPolicy(store, args.group);
      const rows = explainPolicy(own, { config, origins });
      const shown = shownOf(rows, key);
      print(args.json, { group: args.group, settings: shown }, () => render(shown));
      return;
    }
    const { row, wanted } = edit;
    await change(store, args.group, (own) => withSetting(own, row, wanted, config));
    const now = explainPolicy(await readPolicy(store, args.group), { config, origins }).filter(
      (one) => one.key === row.key,
    );
    print(args.json, { group: args.group, settings: now }, () => render(now));
  },
});

interface Edit {
  readonly group: string;
  readonly action: 'set' | 'unset';
  readonly key: string | undefined;
  readonly value: string | undefined;
}

/** The setting, and its new value, if it is to have one. Throws `USAGE`. */
function editOf({ group, action, key, value }: Edit) {
  const row = policySetting(needed(key, 'KEY', remedy));
  if (action === 'set') return { row, wanted: parse(row, needed(value, 'VALUE', remedy)) };
  if (value !== undefined)
    throw new DcmhaError('USAGE', `unset takes no value: dcmha policy set --group ${group} KEY VALUE`);
  return { row, wanted: undefined };
}

/** All, those of a section, or the one of this name. */
function shownOf(rows: readonly PolicyRow[], key: string | undefined): readonly PolicyRow[] {
  if (key === undefined) return rows;
  const section = rows.filter((row) => row.key.startsWith(`${key}.`));
  return section.length > 0 ? section : rows.filter((row) => row.key === policySetting(key).key);
}

async function change(
  store: Coordination,
  group: string,
  edit: Parameters<typeof changePolicy>[2],
): Promise<void> {
  try {
    await changePolicy(store, group, edit);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    throw new DcmhaError(
      'ZNODE_MALFORMED',
      `${error.message}. Repair or delete it first: the coordinators cannot read it either`,
      { details: error.details, cause: error },
    );
  }
}

/** The text of the command line as a value of the setting's kind; what it may be is checked by whoever sets it. */
function parse({ key, form }: SettingRow, text: string): unknown {
  switch (form) {
    case 'integer':
      if (/^-?\d+$/.test(text)) return Number(text);
      return key.endsWith('Ms') ? parseDuration(text, key) : text;
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'list':
      return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
    case 'choice':
    case 'text':
      return text;
  }
}

function render(rows: readonly PolicyRow[]): string {
  const text = (value: unknown): string =>
    value === undefined ? 'not set' : typeof value === 'string' ? value : JSON.stringify(value);
  return table(
    ['setting', 'value', 'from', 'without it', 'meaning'],
    rows.map(({ key, value, from, otherwise, meaning }) => [
      key,
      text(value),
      from,
      from === 'group' ? text(otherwise) : '',
      meaning,
    ]),
  );
}

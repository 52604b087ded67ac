import { describeConfig, type SettingRow } from '../../config/describe.ts';
import { loadConfigWithOrigins } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { grantStatements, neededGrants, replicationGrant } from '../../core/model/grants.ts';
import { defineCommand } from '../define-command.ts';
import { print, table } from '../output.ts';

export const configCommand = defineCommand({
  command: 'config <action>',
  describe:
    'show: every setting, its value and meaning; check: read the file and say what is wrong; grants: what the accounts in MySQL need',
  options: {
    markdown: {
      type: 'boolean',
      default: false,
      describe: 'print the table of all settings for the documents',
    },
    mysqlVersion: {
      type: 'string',
      default: '8.4.0',
      describe: 'grants: the MySQL they are for; privileges that it does not know are left out',
    },
    from: { type: 'string', default: '%', describe: 'grants: the hosts that the accounts connect from' },
  },
  run: async (args) => {
    const { action } = args as { readonly action?: string };
    if (action !== 'show' && action !== 'check' && action !== 'grants') {
      throw new DcmhaError('USAGE', `no action ${JSON.stringify(action)}: show, check or grants`);
    }
    if (args.markdown) {
      print(false, {}, markdown);
      return;
    }
    const { config, origins } = loadConfigWithOrigins({ file: args.config, env: process.env, flags: {} });
    if (action === 'check') {
      print(args.json, { valid: true }, () => 'the configuration is valid');
      return;
    }
    if (action === 'grants') {
      printGrants(config, args);
      return;
    }
    print(args.json, config, () =>
      table(
        ['setting', 'value', 'from', 'meaning'],
        describeConfig().map((row) => [
          row.key,
          textOf(valueOf(config, row)),
          origins.get(row.key) ?? 'default',
          row.description,
        ]),
      ),
    );
    await Promise.resolve();
  },
});

/** Statements for both accounts; an administrator runs them on every server, with `sql_log_bin = 0`. */
function printGrants(
  { mysql: { user, replicationUser } }: Config,
  {
    json,
    mysqlVersion,
    from,
  }: { readonly json: boolean; readonly mysqlVersion: string; readonly from: string },
): void {
  const match = /^(\d{1,2})\.(\d{1,2})\.(\d{1,2})/.exec(mysqlVersion);
  if (match === null)
    throw new DcmhaError(
      'USAGE',
      `--mysqlVersion ${JSON.stringify(mysqlVersion)} is no version such as 8.0.36`,
    );
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number);
  const account = (name: string) => `${quoted(name)}@${quoted(from)}`;
  const statements = [
    ...grantStatements(account(user), (major * 100 + minor) * 100 + patch),
    replicationGrant(account(replicationUser)),
  ];
  print(json, { statements, needed: neededGrants }, () => statements.map((one) => `${one};`).join('\n'));
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function valueOf(config: Config, { key }: SettingRow): unknown {
  return key.split('.').reduce<unknown>((value, part) => {
    return typeof value === 'object' && value !== null
      ? Object.entries(value).find(([name]) => name === part)?.[1]
      : undefined;
  }, config);
}

function textOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function markdown(): string {
  const rows = describeConfig().map(({ key, type, default: value, description }) => {
    const shown = value === undefined || value === '' ? '' : `\`${textOf(value)}\``;
    return `| \`${key}\` | ${type} | ${shown} | ${description} |`;
  });
  return ['| setting | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

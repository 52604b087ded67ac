import { describeConfig, type SettingRow } from '../../config/describe.ts';
import { loadConfigWithOrigins } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { defineCommand } from '../define-command.ts';
import { print, table } from '../output.ts';

export const configCommand = defineCommand({
  command: 'config <action>',
  describe: 'show: every setting, its value and meaning; check: read the file and say what is wrong',
  options: {
    markdown: {
      type: 'boolean',
      default: false,
      describe: 'print the table of all settings for the documents',
    },
  },
  run: async (args) => {
    const { action } = args as { readonly action?: string };
    if (action !== 'show' && action !== 'check') {
      throw new DcmhaError('USAGE', `no action ${JSON.stringify(action)}: show or check`);
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

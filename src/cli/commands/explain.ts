import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { explainGroup, type Explanation } from '../explain-group.ts';
import { lookAt } from '../look.ts';
import { print, table } from '../output.ts';

export const explainCommand = defineCommand({
  command: 'explain',
  describe: 'what would happen if the primary died now, and why',
  help:
    'Asks every server and puts what it sees to the functions that the coordinators decide by: what is so now, whether a failover would ' +
    'begin or what forbids it, who would be elected, why not the others, and how the plan would end. Changes nothing.',
  options: { group: { type: 'string', demandOption: true, describe: 'name of the group' } },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const explanation = explainGroup(await lookAt(args.group, context, store));
    print(args.json, explanation, () => render(explanation));
  },
});

function render({
  group,
  primary,
  now,
  decision,
  election,
  servers,
  steps,
  ending,
  rules,
}: Explanation): string {
  const head = [`group ${group}, primary ${primary === '' ? 'none' : primary}`, `now: ${now}`];
  if (primary === '') return head.join('\n');
  const said = Object.entries(rules ?? {}).filter(([, value]) => value !== undefined && String(value) !== '');
  return [
    ...head,
    `if the primary died now: ${decision}`,
    `it would elect ${election}`,
    table(
      ['server', 'data centre', 'promote', 'priority', 'mysql', 'what becomes of it'],
      servers.map((row) => [row.host, row.dc, row.promote, String(row.priority), row.version, row.fate]),
    ),
    `steps: ${steps.join(', ')}`,
    `it would end: ${ending}`,
    ...(said.length === 0
      ? []
      : [`rules: ${said.map(([key, value]) => `failover.${key} ${String(value)}`).join(', ')}`]),
  ].join('\n');
}

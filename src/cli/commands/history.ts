import { listGroups } from '../../core/store/inventory.ts';
import { readHistory, type HistoryRecord } from '../../core/store/history.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { formatTime, print, table } from '../output.ts';

interface GroupRecord {
  readonly group: string;
  readonly record: HistoryRecord;
}

export const historyCommand = defineCommand({
  command: 'history',
  describe: 'what was decided and done, newest first',
  options: {
    group: { type: 'string', describe: 'one group; else all' },
    limit: { type: 'number', default: 20, describe: 'records of each group' },
  },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const groups = args.group === undefined ? await listGroups(store) : [args.group];
    const records = await Promise.all(
      groups.map(async (group) =>
        (await readHistory(store, group, args.limit)).map((record) => ({ group, record })),
      ),
    );
    const all = records.flat().sort((a, b) => b.record.at - a.record.at);
    print(
      args.json,
      all.map(({ group, record }) => ({ group, ...record })),
      () => render(all),
    );
  },
});

function render(all: readonly GroupRecord[]): string {
  if (all.length === 0) return 'nothing yet';
  const rows = all.map(({ group, record }) => [
    formatTime(record.at),
    group,
    record.kind,
    text(record, 'result'),
    text(record, 'cause'),
    `${text(record, 'from')} -> ${text(record, 'to')}`,
    `${text(record, 'tookMs')} ms`,
    `lost ${text(record, 'lost')}`,
  ]);
  return table(['time (UTC)', 'group', 'kind', 'result', 'cause', 'primary', 'took', 'loss'], rows);
}

function text(record: HistoryRecord, key: string): string {
  const value = record[key];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

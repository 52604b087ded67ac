import { EMPTY_GTID_SET, parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { listTransactions } from '../binlog/list.ts';
import { printSql } from '../binlog/print-sql.ts';
import { binlogTools } from '../context.ts';
import { defineCommand } from '../define-command.ts';

export const binlogCommand = defineCommand({
  command: 'binlog <files..>',
  describe: 'show what is in binary log files: transactions, their rows, the SQL that repeats or undoes them',
  help:
    'Reads files of MySQL 5.7 to 9.x, compressed and tagged transactions too, and verifies every checksum. Needs no server and changes ' +
    'nothing. A file that a crash left unfinished is shown up to its last whole transaction. The SQL names columns only where the log has ' +
    'their names (binlog_row_metadata=FULL); elsewhere rows are comments.',
  options: {
    files: {
      type: 'string',
      array: true,
      describe: 'binary log files, oldest first',
      default: [] as string[],
      hidden: true,
    },
    gtids: { type: 'string', describe: 'only transactions of this GTID set' },
    'exclude-gtids': { type: 'string', describe: 'no transactions of this GTID set' },
    sql: { type: 'boolean', default: false, describe: 'print the transactions as SQL' },
    inverse: {
      type: 'boolean',
      default: false,
      describe: 'print the SQL that undoes the transactions, newest first',
    },
  },
  examples: [
    ['$0 binlog /var/lib/mysql/binlog.000042', 'list its transactions'],
    [
      '$0 binlog --inverse --gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 binlog.000042',
      'how to take one back',
    ],
  ],
  run: async (args) => {
    if (args.sql && args.inverse) throw new DcmhaError('USAGE', '--sql and --inverse exclude each other');
    const selection = {
      gtids: args.gtids === undefined ? undefined : parseGtidSet(args.gtids),
      excludeGtids:
        args['exclude-gtids'] === undefined ? EMPTY_GTID_SET : parseGtidSet(args['exclude-gtids']),
    };
    const tools = await binlogTools();
    const { files, json } = args;
    if (args.sql || args.inverse) {
      await printSql(tools, { files, selection, json, direction: args.inverse ? 'inverse' : 'forward' });
    } else {
      await listTransactions(tools, { files, selection, json });
    }
  },
});

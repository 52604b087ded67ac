import { z } from 'zod';
import type { OpenTransaction, ServerSurvey } from '../../ports/switchover.ts';
import type { Deadline } from '../system/deadline.ts';
import { missingGrants } from '../../core/model/grants.ts';
import type { Session } from './session.ts';

const flag = z.coerce.number().transform((value) => value !== 0);
const logRow = z.object({ logs: flag, logsUpdates: flag });
const transactionRow = z.object({
  session: z.coerce.number(),
  user: z.string().nullish(),
  seconds: z.coerce.number(),
});

// The old name is understood by every version that has a new one, but for the newest.
const UPDATES = (name: string): string => `SELECT @@GLOBAL.log_bin AS logs, @@GLOBAL.${name} AS logsUpdates`;

const TRANSACTIONS = `SELECT t.trx_mysql_thread_id AS session, p.USER AS user, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds
 FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.ID = t.trx_mysql_thread_id ORDER BY t.trx_started`;

/** `ownUsers`: dcmha's account and the replicas', whose transactions count for nothing. */
export async function surveyServer(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<ServerSurvey> {
  const name = /^(5\.|8\.0\.([0-9]|1\d|2[0-5])(\D|$))/.test(session.version)
    ? 'log_slave_updates'
    : 'log_replica_updates';
  const log = logRow.parse((await session.query(UPDATES(name), [], deadline))[0]);
  const grants = await session.query('SHOW GRANTS', [], deadline);
  const transactions = await session.query(TRANSACTIONS, [], deadline, 'looking for open transactions');
  return {
    logsReplicated: log.logs && log.logsUpdates,
    missingGrants: missingGrants(grants.map((row) => String(Object.values(row)[0]))),
    transactions: transactions
      .map((row) => transactionRow.parse(row))
      .map(({ user, ...rest }): OpenTransaction => ({ user: user ?? '', ...rest }))
      .filter(({ user }) => user !== '' && user !== 'system user' && !ownUsers.includes(user)),
  };
}

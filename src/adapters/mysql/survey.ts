import { z } from 'zod';
import type { OpenTransaction, ServerSurvey } from '../../ports/switchover.ts';
import type { Deadline } from '../system/deadline.ts';
import { missingGrants } from '../../core/model/grants.ts';
import { dialectOf } from './dialect.ts';
import type { Session } from './session.ts';

const flag = z.coerce.number().transform((value) => value !== 0);
const logRow = z.object({ logs: flag, logsUpdates: flag });
const transactionRow = z.object({
  session: z.coerce.number(),
  user: z.string().nullish(),
  seconds: z.coerce.number(),
});

const TRANSACTIONS = `SELECT t.trx_mysql_thread_id AS session, p.USER AS user, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds
 FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.ID = t.trx_mysql_thread_id ORDER BY t.trx_started`;

/** `ownUsers`: dcmha's account and the replicas', whose transactions count for nothing. */
export async function surveyServer(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<ServerSurvey> {
  const { logUpdatesVariable } = dialectOf(session.version);
  const logging = `SELECT @@GLOBAL.log_bin AS logs, @@GLOBAL.${logUpdatesVariable} AS logsUpdates`;
  const log = logRow.parse((await session.query(logging, [], deadline))[0]);
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

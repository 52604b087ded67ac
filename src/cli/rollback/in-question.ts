import { DcmhaError } from '../../core/model/errors.ts';
import { clearBurnt, readBurnt, type StoredBurnt } from '../../core/store/burnt.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { Coordination } from '../../ports/coordination.ts';
import { confirm, idOf } from '../operator.ts';
import { formatTime, print, table } from '../output.ts';

interface Question extends StoredBurnt {
  /** Id of the host. */
  readonly host: string;
}

interface Wish {
  /** A host, or its id; undefined: all that are in question. */
  readonly host: string | undefined;
  readonly end: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** Servers that may hold other transactions than their primary under names that were burnt there; `end`: an operator vouches for one. */
export async function inQuestion(store: Coordination, { host, end, yes, json }: Wish): Promise<void> {
  const found = await questions(store, host);
  if (end) await endQuestion(store, found, { host, yes });
  const documents = found.map(({ host: id, group, gtids, uuid, at }) => ({
    host: id,
    group,
    gtids,
    uuid,
    at,
  }));
  const ended = () => `${found[0]?.host ?? ''} is not in question any more`;
  if (end) print(json, { ended: documents }, ended);
  else print(json, documents, () => shown(found, host));
}

function shown(found: readonly Question[], host: string | undefined): string {
  if (found.length === 0) return `${host ?? 'no server'} is ${host === undefined ? '' : 'not '}in question`;
  return [table(['host', 'group', 'since (UTC)', 'gtids'], rowsOf(found)), '', explanation].join('\n');
}
const rowsOf = (found: readonly Question[]) =>
  found.map(({ host, group, at, gtids }) => [host, group, formatTime(at), gtids]);

const explanation =
  'These names were given to empty transactions on the primary, since each of these servers may have executed the transactions that had\n' +
  'them first. Its own agent looks into its binlog and ends the question, or takes the transactions back: start the agent, and the server.\n' +
  'Where that cannot be (the server was provisioned anew by hand under its old server_uuid), end it: dcmha rollback burnt HOST --end';

async function questions(store: Coordination, host: string | undefined): Promise<readonly Question[]> {
  const ids = host === undefined ? await store.children(znodes.burntHosts) : [idOf(host)];
  const found = await Promise.all(ids.map(async (id) => ({ id, burnt: await readBurnt(store, id) })));
  return found.flatMap(({ id, burnt }) => (burnt === undefined ? [] : [{ ...burnt, host: id }]));
}

async function endQuestion(
  store: Coordination,
  [question]: readonly Question[],
  { host, yes }: { readonly host: string | undefined; readonly yes: boolean },
): Promise<void> {
  if (host === undefined) throw new DcmhaError('USAGE', 'say which server: dcmha rollback burnt HOST --end');
  if (question === undefined) throw new DcmhaError('NOT_FOUND', `${host} is not in question`);
  await confirm(
    yes,
    `From then on ${question.host} may be elected, and read from, as it is. If it still holds what was first called ${question.gtids}, ` +
      'its rows differ from its primary’s for good, and nothing shows it. Was it provisioned anew, or have you looked yourself?',
  );
  if (!(await clearBurnt(store, question.host, question)))
    throw new DcmhaError('ZNODE_CONFLICT', `more was burnt meanwhile: look at ${question.host} again`);
}

import { createReadStream } from 'node:fs';
import { parseEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { sessionPreamble, SqlRenderer } from '../../core/salvage/render.ts';
import { readMember } from '../../core/store/inventory.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { actionIn } from '../action.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { confirm } from '../operator.ts';
import { print, table } from '../output.ts';
import { inQuestion } from '../rollback/in-question.ts';
import { reapplySet } from '../rollback/reapply.ts';
import { findSet, indexedSets, openSet, type IndexedSet, type OpenSet } from '../rollback/saved.ts';
import { showSet } from '../rollback/show.ts';
import { writeOut } from '../stdout.ts';

export const rollbackCommand = defineCommand({
  command: 'rollback [action] [name]',
  describe:
    'transactions that were saved when a server returned with them: list, show, export, reapply, discard; burnt: servers in question',
  help:
    'Runs on the host of the server that returned, where salvage.directory is. NAME is the directory, or GROUP/HOST/WHEN, or the end of it.\n' +
    'show: each transaction, and for each row what the current primary holds: same (as the transaction left it; of a delete, as it was ' +
    'before), absent, different.\n' +
    'export: the SQL of the transactions.\n' +
    'reapply: runs chosen transactions on the current primary, one transaction each; a row that is not as it was before the saved ' +
    'transaction makes the primary keep all its rows, and is listed. Without --yes everything is tried and undone.\n' +
    'discard: deletes a set for good.\n' +
    'burnt: servers that may hold other transactions than their primary under names that were burnt there, and are neither elected nor read ' +
    'from until their agents have looked; NAME is the host. Runs anywhere. With --end you vouch for one, where its agent cannot.',
  options: {
    gtids: { type: 'string', describe: 'only transactions of this GTID set' },
    primary: { type: 'string', describe: 'host:port of the primary; else the recorded one of the group' },
    yes: { type: 'boolean', default: false, describe: 'reapply: commit; discard, burnt --end: do not ask' },
    end: { type: 'boolean', default: false, describe: 'burnt: the server is not in question any more' },
    timeout: { type: 'number', default: 30_000, describe: 'deadline of one statement, ms' },
  },
  examples: [
    ['$0 rollback list'],
    ['$0 rollback show orders/10-0-0-1/2026-11-23T09-18-39.779Z'],
    ['$0 rollback reapply 2026-11-23T09-18-39.779Z --gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 --yes'],
  ],
  run: async (args) => {
    const { action = 'list', name } = args as { readonly action?: string; readonly name?: string };
    await using context = new Context(args);
    await actionIn(actions, action)({ ...args, context, name });
  },
});

const actions: Readonly<Record<string, (call: Call) => Promise<void>>> = {
  list,
  show,
  export: exportSql,
  reapply,
  discard,
  burnt: async (call) => inQuestion(await call.context.coordination(), { ...call, host: call.name }),
};

interface Call {
  readonly context: Context;
  readonly name: string | undefined;
  readonly gtids: string | undefined;
  readonly primary: string | undefined;
  readonly yes: boolean;
  readonly end: boolean;
  readonly timeout: number;
  readonly json: boolean;
}

async function list({ context, json }: Call): Promise<void> {
  const sets = await indexedSets(context.salvage());
  const documents = sets.map(({ set, record }) => ({
    name: set.name,
    directory: set.directory,
    gtids: record.gtids,
    transactions: record.transactions.length,
    rows: record.transactions.reduce((sum, { rows }) => sum + rows, 0),
    invertible: record.transactions.every(({ invertible }) => invertible),
  }));
  print(json, documents, () =>
    documents.length === 0
      ? 'nothing is saved here'
      : table(
          ['name', 'transactions', 'rows', 'invertible', 'gtids'],
          documents.map((one) => [
            one.name,
            String(one.transactions),
            String(one.rows),
            one.invertible ? 'yes' : 'no',
            one.gtids,
          ]),
        ),
  );
}

async function show(call: Call): Promise<void> {
  const found = await findSet(call.context.salvage(), call.name);
  await using open = await opened(call, found);
  await using primary = await call.context.reapplication(await primaryOf(call, found), call.timeout);
  await showSet(open, primary, call.json);
}

async function exportSql(call: Call): Promise<void> {
  const store = call.context.salvage();
  const found = await findSet(store, call.name);
  if (call.gtids === undefined) {
    for await (const chunk of createReadStream(store.sqlFile(found.set))) await writeOut(chunk as Buffer);
    return;
  }
  await using open = await opened(call, found);
  const renderer = new SqlRenderer(open.reader.read, { direction: 'forward' });
  await writeOut(sessionPreamble);
  for (const survey of open.surveys) for await (const piece of renderer.render(survey)) await writeOut(piece);
}

async function reapply(call: Call): Promise<void> {
  const found = await findSet(call.context.salvage(), call.name);
  await using open = await opened(call, found);
  await using primary = await call.context.reapplication(await primaryOf(call, found), call.timeout);
  const isWhole = await reapplySet(open, primary, { commit: call.yes, json: call.json });
  if (!isWhole) process.exitCode = 1;
}

async function discard({ context, name, yes, json }: Call): Promise<void> {
  const store = context.salvage();
  const { set, record } = await findSet(store, name);
  await confirm(yes, `Delete ${record.transactions.length} saved transactions in ${set.directory} for good?`);
  await store.remove(set);
  print(json, { discarded: set.name }, () => `discarded ${set.name}`);
}

async function opened({ context, gtids }: Call, found: IndexedSet): Promise<OpenSet> {
  return openSet(context.salvage(), found, { gtids, decompress: await context.decompress() });
}

async function primaryOf({ context, primary }: Call, { record }: IndexedSet): Promise<Endpoint> {
  if (primary !== undefined) return parseEndpoint(primary, '--primary');
  const store = await context.coordination();
  const recorded = await readPrimary(store, record.group);
  const agentPort = context.config.agent.port;
  const member = recorded && (await readMember(store, recorded.id, { agentPort }));
  if (member !== undefined) return member.endpoint;
  throw new DcmhaError('NOT_FOUND', `group ${record.group} has no recorded primary: say --primary host:port`);
}

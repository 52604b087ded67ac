import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import type { SwitchoverTerms } from '../../core/plan/switchover-terms.ts';
import { noteEvacuated, noteReturned, readEvacuation } from '../../core/store/evacuations.ts';
import { listGroups, readMembers } from '../../core/store/inventory.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { inTurn } from '../in-turn.ts';
import { confirm, operatorName, orderTask } from '../operator.ts';
import { print, table } from '../output.ts';
import { rehearseSwitchover } from '../rehearse-switchover.ts';
import { termOptions, termsOf } from '../switchover-terms.ts';

/** One group whose primary is to move. */
interface Move {
  readonly group: string;
  readonly from: string;
  /** The host to go back to; undefined: any outside the data centre. */
  readonly to?: string | undefined;
}

interface Moved extends Move {
  readonly state: 'moved' | 'failed' | 'left' | 'would move' | 'would be refused';
  readonly message: string;
}

interface Work {
  readonly context: Context;
  readonly store: Coordination;
  readonly dc: string;
  readonly terms: SwitchoverTerms;
  readonly timeoutMs: number;
}

export const evacuateCommand = defineCommand({
  command: 'evacuate',
  describe: "move every group's primary out of a data centre, and back",
  help:
    "One switchover after the other, in the order of the groups' names; each is looked at first and takes itself back when it fails. " +
    'The first that fails stops the rest, unless --keep-going; so does Ctrl-C, once the running one has ended. What was moved is kept in ZooKeeper: ' +
    '--back moves just that back to where it was.',
  options: {
    dc: { type: 'string', demandOption: true, describe: 'the data centre, as in addmeta --dc' },
    back: { type: 'boolean', default: false, describe: 'bring back what was moved out of it' },
    dryRun: { type: 'boolean', default: false, describe: 'look at every group, change nothing' },
    parallel: { type: 'number', default: 1, describe: 'groups at a time' },
    keepGoing: { type: 'boolean', default: false, describe: 'go on with the next group when one fails' },
    ...termOptions,
    yes: { type: 'boolean', default: false, describe: 'do not ask' },
    timeout: { type: 'number', default: 120_000, describe: 'how long to wait for each group, ms' },
  },
  examples: [
    ['$0 evacuate --dc DC1 --dry-run'],
    ['$0 evacuate --dc DC1 --parallel 4 --yes'],
    ['$0 evacuate --dc DC1 --back'],
  ],
  run: async (args) => {
    if (!Number.isInteger(args.parallel) || args.parallel < 1)
      throw new DcmhaError('USAGE', `--parallel takes a number from 1, not ${args.parallel}`);
    await using context = new Context(args);
    const store = await context.coordination();
    const { dc } = args;
    const work: Work = { context, store, dc, terms: termsOf(args), timeoutMs: args.timeout };
    const moves = args.back ? await movesBack(work) : await movesOut(work);
    if (moves.length === 0) {
      const none = args.back ? `nothing was moved out of ${dc}` : `no group has its primary in ${dc}`;
      print(args.json, [], () => none);
      return;
    }
    if (!args.dryRun) await confirm(args.yes, question(moves, args));
    const act = args.dryRun ? rehearseOne : args.back ? moveBack : moveOut;
    const ended = await inTurn(moves, args.parallel, {
      run: (move) => act(move, work),
      // A rehearsal tells of every group.
      goesOn: (moved) => args.keepGoing || args.dryRun || moved.state === 'moved',
      left: (move): Moved => ({ ...move, state: 'left', message: 'not begun' }),
    });
    print(args.json, ended, () => render(ended));
    if (ended.some(({ state }) => state === 'failed' || state === 'left')) process.exitCode = 75;
  },
});

function question(
  moves: readonly Move[],
  { dc, back }: { readonly dc: string; readonly back: boolean },
): string {
  const groups = moves.map(({ group }) => group).join(', ');
  return `The primaries of ${moves.length} groups (${groups}) will move ${back ? 'back to' : 'out of'} ${dc}.`;
}

/** Groups whose recorded primary is in the data centre. */
async function movesOut({ store, dc, context }: Work): Promise<readonly Move[]> {
  const moves: Move[] = [];
  let isKnown = false;
  for (const group of (await listGroups(store)).toSorted()) {
    const members = await readMembers(store, group, { agentPort: context.config.agent.port });
    isKnown ||= members.some((member) => member.dc === dc);
    const primary = await readPrimary(store, group);
    const isThere = members.some((member) => member.id === primary?.id && member.dc === dc);
    if (primary !== undefined && isThere) moves.push({ group, from: primary.id });
  }
  if (!isKnown) throw new DcmhaError('NOT_FOUND', `no server is in data centre ${dc}: dcmha addmeta --dc`);
  return moves;
}

async function movesBack({ store, dc }: Work): Promise<readonly Move[]> {
  const evacuation = await readEvacuation(store, dc);
  const moves = Object.entries(evacuation?.groups ?? {}).map(async ([group, to]): Promise<Move> => {
    const primary = await readPrimary(store, group);
    return { group, from: primary?.id ?? '', to };
  });
  return (await Promise.all(moves)).toSorted((a, b) => (a.group < b.group ? -1 : 1));
}

async function moveOut(move: Move, work: Work): Promise<Moved> {
  const { store, dc, context } = work;
  const { group, from } = move;
  return attempt(move, async () => {
    // Before it moves: what was moved and not noted would not come back.
    await noteEvacuated(store, dc, { group, from, by: operatorName(), at: context.clock.now() });
    try {
      return await order(move, { awayFrom: dc }, work);
    } catch (error) {
      if ((await readPrimary(store, group))?.id === from) await forget(group, work);
      throw error;
    }
  });
}

async function moveBack(move: Move, work: Work): Promise<Moved> {
  return attempt(move, async () => {
    const message = move.from === move.to ? 'it is back already' : await order(move, { host: move.to }, work);
    await forget(move.group, work);
    return message;
  });
}

function forget(group: string, { store, dc, context }: Work): Promise<void> {
  return noteReturned(store, dc, { group, by: operatorName(), at: context.clock.now() });
}

async function order(
  { group }: Move,
  where: { readonly awayFrom?: string; readonly host?: string | undefined },
  { store, context: { clock }, terms, timeoutMs }: Work,
): Promise<string> {
  const order = { kind: 'switchover', group, by: operatorName(), at: clock.now(), terms, ...where } as const;
  const { message } = await orderTask(store, order, { clock, timeoutMs });
  return message ?? 'done';
}

async function rehearseOne(move: Move, { context, store, dc, terms }: Work): Promise<Moved> {
  const { group, to } = move;
  const where = to === undefined ? { awayFrom: dc } : { host: to };
  const asked = { id: 'dry-run', by: operatorName(), terms, ...where };
  const { ending } = await rehearseSwitchover(group, asked, context, store);
  if (ending.kind === 'finished' && ending.result === 'done')
    return { ...move, state: 'would move', message: `to ${ending.primary ?? ''}` };
  return { ...move, state: 'would be refused', message: ending.why ?? '' };
}

async function attempt(move: Move, run: () => Promise<string>): Promise<Moved> {
  try {
    return { ...move, state: 'moved', message: await run() };
  } catch (thrown) {
    return { ...move, state: 'failed', message: toDcmhaError(thrown).message };
  }
}

function render(ended: readonly Moved[]): string {
  const rows = ended.map(({ group, from, state, message }) => [group, from, state, message]);
  return table(['group', 'primary before', 'outcome', 'why'], rows);
}

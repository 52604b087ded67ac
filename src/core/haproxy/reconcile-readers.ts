import type { DeclaredServer } from './loaded.ts';
import type { RuntimeServer } from './runtime-answers.ts';
import { splitWeight } from './server-line.ts';

/** One change of a running read server. */
export type ReaderChange =
  /** New connections go elsewhere; open sessions go on for a while. */
  | { readonly kind: 'retire'; readonly name: string }
  /** Another address under the same name. */
  | { readonly kind: 'move'; readonly name: string; readonly address: string }
  | { readonly kind: 'enable'; readonly name: string }
  | { readonly kind: 'weigh'; readonly name: string; readonly weight: number; readonly options: string }
  | { readonly kind: 'add'; readonly name: string; readonly address: string; readonly options: string };

/**
 * What makes the running read servers those of the file, or undefined when only a reload can: the options of a server that stays
 * changed. `loaded` is the options each running server has, by name; a server that is not in it is not known.
 */
export function reconcileReaders(
  running: readonly RuntimeServer[],
  wanted: readonly DeclaredServer[],
  loaded: ReadonlyMap<string, string>,
): readonly ReaderChange[] | undefined {
  if (wanted.some(({ name, options }) => isRunning(running, name) && !isSettable(loaded.get(name), options)))
    return undefined;
  const retired = running
    .filter(
      ({ name, maintenance }) =>
        !maintenance && !wanted.some((server) => server.name === name && !server.disabled),
    )
    .map(({ name }): ReaderChange => ({ kind: 'retire', name }));
  return [...wanted.flatMap((server) => changesOf(server, running)), ...retired];
}

/** Whether a server with the options `from` gets those of `to` without a reload: all but the weight, which is not taken away, either. */
function isSettable(from: string | undefined, to: string): boolean {
  if (from === undefined) return false;
  const [before, after] = [splitWeight(from), splitWeight(to)];
  return before.others === after.others && (before.weight === undefined || after.weight !== undefined);
}

function isRunning(running: readonly RuntimeServer[], name: string): boolean {
  return running.some((server) => server.name === name);
}

function changesOf(
  { name, address, options, disabled }: DeclaredServer,
  running: readonly RuntimeServer[],
): readonly ReaderChange[] {
  const now = running.find((server) => server.name === name);
  if (disabled) return [];
  if (now === undefined) return [{ kind: 'add', name, address, options }];
  const changes: ReaderChange[] = [];
  const { weight } = splitWeight(options);
  if (weight !== undefined && now.weight !== weight) changes.push({ kind: 'weigh', name, weight, options });
  if (now.address !== address) changes.push({ kind: 'move', name, address });
  if (now.maintenance) changes.push({ kind: 'enable', name });
  return changes;
}

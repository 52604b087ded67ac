import type { DeclaredServer } from './loaded.ts';
import type { RuntimeServer } from './runtime-answers.ts';

/** One change of a running read server. */
export type ReaderChange =
  /** New connections go elsewhere; open sessions go on for a while. */
  | { readonly kind: 'retire'; readonly name: string }
  /** Another address under the same name. */
  | { readonly kind: 'move'; readonly name: string; readonly address: string }
  | { readonly kind: 'enable'; readonly name: string }
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
  if (wanted.some(({ name, options }) => isRunning(running, name) && loaded.get(name) !== options))
    return undefined;
  const retired = running
    .filter(
      ({ name, maintenance }) =>
        !maintenance && !wanted.some((server) => server.name === name && !server.disabled),
    )
    .map(({ name }): ReaderChange => ({ kind: 'retire', name }));
  return [...wanted.flatMap((server) => changesOf(server, running)), ...retired];
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
  if (now.address !== address) changes.push({ kind: 'move', name, address });
  if (now.maintenance) changes.push({ kind: 'enable', name });
  return changes;
}

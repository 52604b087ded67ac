import type { Placement } from '../decide/read-placement.ts';
import { formatEndpoint } from '../model/endpoint.ts';
import type { Route } from '../model/group.ts';
import {
  addBeforeServers,
  addDirective,
  directives,
  hasDirective,
  withLine,
  type ConfigSection,
} from './config-file.ts';
import { readNumber, serverName } from './names.ts';
import type { RenderOptions } from './render-options.ts';
import { parseServerLine, setDisabled, setTraits, type ServerLine } from './server-line.ts';
import { quoteWord } from './words.ts';

const NEW_READER = 'check inter 1s fall 2 rise 1';

/** The servers that reads go to: the read list; without one, the writer, so that reads go on. */
export function readers(route: Route): readonly string[] {
  const listed = [...new Set(route.read.map(formatEndpoint))];
  if (listed.length > 0) return listed;
  return route.write === undefined ? [] : [formatEndpoint(route.write)];
}

/**
 * `listen read` with a server for each reader: lines of addresses that stay are kept with their numbers and options, others go, and
 * new ones take the lowest free number and the options of the first one. Servers that are not named by the group are kept.
 */
export function renderRead(
  section: ConfigSection,
  { group, route, placement }: RenderOptions,
): ConfigSection {
  const wanted = readers(route);
  const old = ourServers(section, group);
  const edited =
    wanted.length === 0
      ? disableAll(section, old)
      : withReaders(section, { group, wanted, old, placement: placement ?? new Map() });
  return withOptions(edited, placement);
}

// With backups of several kinds, HAProxy alone would use the first of them only.
function withOptions(section: ConfigSection, placement: Placement = new Map()): ConfigSection {
  const hasBackups = [...placement.values()].some(({ backup }) => backup !== undefined);
  const needed = [...(hasBackups ? ['allbackups'] : []), 'redispatch'];
  return needed
    .filter((option) => !hasDirective(section, 'option', option))
    .reduce(
      (edited, option) =>
        addBeforeServers(edited, option === 'redispatch' ? 'option redispatch 1' : `option ${option}`),
      section,
    );
}

interface ReadersChange {
  readonly group: string;
  readonly wanted: readonly string[];
  readonly old: readonly OurServer[];
  readonly placement: Placement;
}

function withReaders(
  section: ConfigSection,
  { group, wanted, old, placement }: ReadersChange,
): ConfigSection {
  const options = old[0]?.options.map(quoteWord).join(' ') ?? NEW_READER;
  const kept = wanted.flatMap((address) => old.find((server) => server.address === address) ?? []);
  // Not the number of one that goes, either: it may have sessions that are to finish under its name.
  const free = freeNumbers(old.map(({ number }) => number));
  let edited = section;
  for (const address of wanted) {
    if (kept.some((server) => server.address === address)) continue;
    const text = `server ${serverName(group)}${free()} ${address} ${options}`;
    edited = addDirective(edited, place(text, address, placement), ourServers(edited, group).at(-1)?.index);
  }
  for (const server of old.toReversed()) {
    const text = place(setDisabled(server.text, false), server.address, placement);
    edited = withLine(edited, server.index, kept.includes(server) ? text : undefined);
  }
  return edited;
}

function place(text: string, address: string, placement: Placement): string {
  const traits = placement.get(address);
  return traits === undefined ? text : setTraits(text, traits);
}

// One line stays for its address and options: a listener that has had none would lose what the operator set.
function disableAll(section: ConfigSection, old: readonly OurServer[]): ConfigSection {
  let edited = section;
  for (const [i, server] of [...old.entries()].reverse()) {
    edited = withLine(edited, server.index, i === 0 ? setDisabled(server.text, true) : undefined);
  }
  return edited;
}

interface OurServer extends ServerLine {
  readonly index: number;
  readonly text: string;
  readonly number: number;
}

function ourServers(section: ConfigSection, group: string): readonly OurServer[] {
  return directives(section).flatMap(({ index }) => {
    const text = section.lines[index]?.text ?? '';
    const server = parseServerLine(text);
    const number = server === undefined ? undefined : readNumber(group, server.name);
    return server === undefined || number === undefined ? [] : [{ ...server, index, text, number }];
  });
}

function freeNumbers(taken: readonly number[]): () => number {
  let next = 0;
  return () => {
    do next += 1;
    while (taken.includes(next));
    return next;
  };
}

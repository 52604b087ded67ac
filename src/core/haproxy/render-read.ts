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
import { parseServerLine, setDisabled, type ServerLine } from './server-line.ts';
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
export function renderRead(section: ConfigSection, { group, route }: RenderOptions): ConfigSection {
  const wanted = readers(route);
  const old = ourServers(section, group);
  const edited =
    wanted.length === 0 ? disableAll(section, old) : withReaders(section, { group, wanted, old });
  if (hasDirective(edited, 'option', 'redispatch')) return edited;
  return addBeforeServers(edited, 'option redispatch 1');
}

interface ReadersChange {
  readonly group: string;
  readonly wanted: readonly string[];
  readonly old: readonly OurServer[];
}

function withReaders(section: ConfigSection, { group, wanted, old }: ReadersChange): ConfigSection {
  const options = old[0]?.options.map(quoteWord).join(' ') ?? NEW_READER;
  const kept = wanted.flatMap((address) => old.find((server) => server.address === address) ?? []);
  // Not the number of one that goes, either: it may have sessions that are to finish under its name.
  const free = freeNumbers(old.map(({ number }) => number));
  let edited = section;
  for (const address of wanted) {
    if (kept.some((server) => server.address === address)) continue;
    const text = `server ${serverName(group)}${free()} ${address} ${options}`;
    edited = addDirective(edited, text, ourServers(edited, group).at(-1)?.index);
  }
  for (const server of old.toReversed()) {
    const text = kept.includes(server) ? setDisabled(server.text, false) : undefined;
    edited = withLine(edited, server.index, text);
  }
  return edited;
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

import { formatEndpoint } from '../model/endpoint.ts';
import { DcmhaError } from '../model/errors.ts';
import {
  addBeforeServers,
  addDirective,
  directives,
  hasDirective,
  withLine,
  type ConfigSection,
} from './config-file.ts';
import { leasePath, serverName } from './names.ts';
import type { LeaseCheck } from './lease-check.ts';
import { renderHoldAction } from './render-hold.ts';
import type { RenderOptions } from './render-options.ts';
import { dropOption, parseServerLine, setAddress, setDisabled, setOption } from './server-line.ts';

/** `listen write` with one server: the route's, or the last one, disabled. */
export function renderWrite(section: ConfigSection, options: RenderOptions): ConfigSection {
  const { group, route, lease } = options;
  const server = theServer(section, options);
  const address = route.write === undefined ? undefined : formatEndpoint(route.write);
  const finish = (text: string, current: string) =>
    setDisabled(withLeaseCheck(setAddress(text, address ?? current), lease), address === undefined);
  const edited =
    server === undefined
      ? addDirective(section, finish(`server ${serverName(group)} 127.0.0.1:1`, '127.0.0.1:1'))
      : withLine(section, server.index, finish(server.text, server.address));
  return renderHoldAction(withSectionOptions(edited, options), options.holdScript !== undefined);
}

// A second server in this section would be a second writer, so it is refused rather than ignored.
function theServer(section: ConfigSection, { group, file }: RenderOptions) {
  const found = directives(section).flatMap(({ index, words }) => {
    const text = section.lines[index]?.text ?? '';
    const server = parseServerLine(text);
    if (server !== undefined) return [{ index, text, ...server }];
    if (words[0]?.value === 'server-template') throw refused(file, 'has a `server-template` line');
    return [];
  });
  if (found.length > 1) {
    const names = found.map(({ name }) => name).join(', ');
    throw refused(file, `has the servers ${names}; only ${serverName(group)} may be there`);
  }
  return found[0];
}

function refused(file: string, why: string): DcmhaError {
  return new DcmhaError('PROXY_REJECTED', `${file}: \`listen write\` ${why}: a group has one writer`, {
    details: { file, section: 'listen write' },
  });
}

function withLeaseCheck(text: string, { port, intervalMs, doubtIntervalMs, fall }: LeaseCheck): string {
  let line = text;
  line = dropOption(dropOption(line, 'track', 1), 'downinter', 1);
  line = setOption(dropOption(line, 'no-check', 0), 'check', '');
  const options = {
    addr: '127.0.0.1',
    port: String(port),
    inter: `${intervalMs}ms`,
    fastinter: `${doubtIntervalMs}ms`,
    fall: String(fall),
    rise: '1',
    'on-marked-down': 'shutdown-sessions',
  };
  for (const [name, value] of Object.entries(options)) line = setOption(line, name, value);
  return line;
}

const CHECK_OPTION =
  /^(external-check|httpchk|ldap-check|mysql-check|pgsql-check|redis-check|smtpchk|spop-check|ssl-hello-chk|tcp-check)$/;

/**
 * - `option httpchk`: a connection alone proves nothing, for the kernel accepts it for a stopped router, too.
 * - `timeout check`: without it, one inherited from `defaults` would let a silent router live on.
 * - `retries 0`: HAProxy waits a second before it tries the same server again and then still tries the old address, so that a
 *   client that meets a dead primary waits 3 s for its error; refused at once, it comes back to the new primary.
 * - `timeout server-fin`: a session whose client has gone is one that `shutdown sessions` passes over. Towards a host that is gone it
 *   would live for all of `timeout server`, and hold a failover up until haproxy is replaced.
 */
function withSectionOptions(section: ConfigSection, { group, lease, file }: RenderOptions): ConfigSection {
  if (hasDirective(section, 'http-check')) {
    throw new DcmhaError(
      'PROXY_REJECTED',
      `${file}: \`listen write\` has \`http-check\` rules, but dcmha checks its own lease there: remove them`,
      {
        details: { file, section: 'listen write' },
      },
    );
  }
  let edited = setDirective(
    section,
    `option httpchk GET ${leasePath(group)}`,
    ([first, second]) => first === 'option' && CHECK_OPTION.test(second ?? ''),
  );
  edited = setDirective(
    edited,
    `timeout check ${lease.intervalMs}ms`,
    ([first, second]) => first === 'timeout' && second === 'check',
  );
  edited = withDefault(edited, 'retries 0', 'retries');
  return withDefault(edited, 'timeout server-fin 100ms', 'timeout', 'server-fin');
}

function withDefault(section: ConfigSection, text: string, ...start: readonly string[]): ConfigSection {
  return hasDirective(section, ...start) ? section : addBeforeServers(section, text);
}

function setDirective(
  section: ConfigSection,
  text: string,
  matches: (words: readonly string[]) => boolean,
): ConfigSection {
  const found = directives(section).filter(({ words }) => matches(words.map(({ value }) => value)));
  const [first, ...rest] = found;
  if (first === undefined) return addBeforeServers(section, text);
  const indent = /^[ \t]*/.exec(section.lines[first.index]?.text ?? '')?.[0] ?? '';
  const same = first.words.map(({ value }) => value).join(' ') === text;
  let edited = section;
  for (const { index } of rest.toReversed()) edited = withLine(edited, index, undefined);
  return same ? edited : withLine(edited, first.index, indent + text);
}

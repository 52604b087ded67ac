import { fileName, serverName } from './names.ts';

/**
 * The file of a group that has none: the form that existing installations have on disk. `{group}` is the group's name in file
 * names, `{server}` its server's, `{bind}` the address of the listeners, `{writePort}` and `{readPort}` their ports.
 * Servers are added by {@link renderConfig}.
 */
export const DEFAULT_TEMPLATE = `global
    maxconn 4096
    daemon
    pidfile /tmp/{group}.pid
defaults
    mode                tcp
    timeout connect     20s
    timeout client      1m
    timeout server      1m
listen write
    bind {bind}:{writePort}
    mode tcp
    balance roundrobin
listen read
    bind {bind}:{readPort}
    mode tcp
    balance roundrobin
`;

export interface TemplateValues {
  readonly group: string;
  /** Address of the listeners; empty: all. */
  readonly bind: string;
  readonly writePort: number;
}

/** Fills a template in; the read port is the one above the write port. */
export function fillTemplate(template: string, { group, bind, writePort }: TemplateValues): string {
  const values: Readonly<Record<string, string>> = {
    group: fileName(group),
    server: serverName(group),
    bind,
    writePort: String(writePort),
    readPort: String(writePort + 1),
  };
  return template.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

import { directives, parseConfig } from './config-file.ts';

/** Where a listener of ours is bound, as far as it is a plain address and port. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

/** The addresses of `listen write` and `listen read`; port ranges, sockets and inherited descriptors are left out. */
export function bindAddresses(text: string): readonly BindAddress[] {
  return parseConfig(text)
    .filter(({ kind, name }) => kind === 'listen' && (name === 'write' || name === 'read'))
    .flatMap((section) => directives(section))
    .filter(({ words }) => words[0]?.value === 'bind')
    .flatMap(({ words }) => words[1]?.value.split(',') ?? [])
    .flatMap((address) => bindAddress(address) ?? []);
}

function bindAddress(text: string): BindAddress | undefined {
  const match = /^(?:ipv[46]@)?(\[[0-9a-fA-F:.]+\]|[0-9a-fA-F:.]+|\*|):(\d{1,5})$/.exec(text);
  const host = match?.[1]?.replace(/^\[(.*)\]$/, '$1') ?? '';
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65535) return undefined;
  return { host: host === '' || host === '*' ? '0.0.0.0' : host, port };
}

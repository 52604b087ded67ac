import { DcmhaError } from './errors.ts';

/** Where a server listens. `host` is an IPv4 address, an IPv6 address without brackets, or a host name. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const IPV4_ID = /^\d{1,3}(?:-\d{1,3}){3}$/;
const HOST = /^[A-Za-z0-9_.:%-]{1,253}$/;

/** Reads `host:port` or `[ipv6]:port`. Throws `USAGE` naming `what`. */
export function parseEndpoint(text: string, what = 'address'): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !HOST.test(host) || port < 1 || port > 65535) {
    throw new DcmhaError('USAGE', `${what} ${JSON.stringify(text)} is not HOST:PORT`, {
      details: { what, text },
    });
  }
  return { host, port };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function sameEndpoint(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  return a?.host === b?.host && a?.port === b?.port;
}

/**
 * A host's id as it names znodes: an IPv4 address with dots as dashes, as the first program wrote it; anything else
 * percent-encoded, dots and dashes too, so that no two hosts share an id.
 */
export function hostId(host: string): string {
  if (IPV4.test(host)) return host.replaceAll('.', '-');
  return encodeURIComponent(host.toLowerCase()).replace(
    /[-.!~*'()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** The host that {@link hostId} gave this id. Throws `ZNODE_MALFORMED`. */
export function hostOfId(id: string): string {
  if (IPV4_ID.test(id)) return id.replaceAll('-', '.');
  try {
    return decodeURIComponent(id);
  } catch (cause) {
    throw new DcmhaError('ZNODE_MALFORMED', `${JSON.stringify(id)} is not a host id`, {
      details: { id },
      cause,
    });
  }
}

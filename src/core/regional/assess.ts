import { formatEndpoint } from '../model/endpoint.ts';
import type { ChannelHealth } from '../model/group.ts';
import type { RegionalLink } from './link.ts';

/** What is to be done about one channel of a group's primary. */
export type ChannelVerdict =
  | { readonly kind: 'fine' }
  /** It may come back by itself; look again after so long. */
  | { readonly kind: 'wait'; readonly lookAgainMs: number }
  /** It is to be set up, or moved; `leave`: the source that does not do any more, as `host:port`. */
  | { readonly kind: 'due'; readonly why: string; readonly leave?: string | undefined }
  /** Its applier stopped on an error: another source would send the same. */
  | { readonly kind: 'broken'; readonly why: string }
  /** Somebody stopped it, and wanted that. */
  | { readonly kind: 'stopped' };

/**
 * A pure function of what the primary's agent says of a channel and what is wanted. `unwellMs`: for how long its receiver has not been
 * attached.
 */
export function assessChannel(
  link: RegionalLink,
  health: ChannelHealth | undefined,
  { unwellMs, graceMs }: { readonly unwellMs: number; readonly graceMs: number },
): ChannelVerdict {
  if (health === undefined) return { kind: 'due', why: 'the primary has no such channel yet' };
  const { state, source, error } = health;
  const wanted = link.source === undefined ? undefined : formatEndpoint(link.source.endpoint);
  if (wanted !== source) return { kind: 'due', why: `its source is ${source}, not ${wanted ?? 'recorded'}` };
  switch (state) {
    case 'replicating':
      return { kind: 'fine' };
    case 'stopped':
      return { kind: 'stopped' };
    case 'idle':
      return { kind: 'due', why: 'it has not been started since mysqld booted, or since writes were closed' };
    case 'broken':
      return { kind: 'broken', why: error ?? 'its applier stopped' };
    case 'connecting':
    case 'refused': {
      const leftMs = graceMs - unwellMs;
      if (leftMs > 0) return { kind: 'wait', lookAgainMs: leftMs };
      return { kind: 'due', why: `${source} is lost: ${error ?? 'it does not answer'}`, leave: source };
    }
  }
}

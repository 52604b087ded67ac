import { formatEndpoint } from '../model/endpoint.ts';
import type { RouteAck } from '../model/group.ts';
import type { PublishedRoute } from '../store/routes.ts';

/**
 * What is wrong with a router's acknowledgement, by what is published; undefined: it may be true. `published` must have been read after it:
 * a router acknowledges what it has read, so it cannot be ahead. Such a word counts for nothing, neither as a confirmation nor as evidence.
 */
export function whyIncredible(
  { router, version, write }: RouteAck,
  published: PublishedRoute | undefined,
): string | undefined {
  const known = published?.version ?? -1;
  if (version > known)
    return `router ${router} acknowledges version ${version} of a route that is at ${known}`;
  if (published === undefined || version !== known) return undefined;
  const due = published.route.write === undefined ? '' : formatEndpoint(published.route.write);
  if (write === due) return undefined;
  return `router ${router} acknowledges version ${version} with writes to ${orNobody(write)}, which says ${orNobody(due)}`;
}

function orNobody(write: string): string {
  return write === '' ? 'nobody' : write;
}

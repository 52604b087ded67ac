import { z } from 'zod';
import type { PeerApi } from './api.ts';

/** What a router offers on its control port. */
export const routerApi = {
  /**
   * Reads `haproxy/group` again and applies it at once (the watch would, a little later); answers what is in force now. `release`: of this version of
   * the route, clients that are held go on; of another one nothing is changed.
   */
  push: {
    params: z.object({ group: z.string(), release: z.number().int().optional() }),
    result: z.object({ version: z.number(), write: z.string(), oldSessions: z.number(), held: z.boolean() }),
  },
  status: {
    params: z.object({}),
    result: z.object({
      router: z.string(),
      groups: z.array(
        z.object({
          group: z.string(),
          version: z.number(),
          write: z.string(),
          haproxyPid: z.number().optional(),
        }),
      ),
    }),
  },
} as const satisfies PeerApi;

import { z } from 'zod';
import { ms } from './fields.ts';

export const lag = z.strictObject({
  evictMs: ms(30_000, 'a replica that shows data older than this leaves the read list'),
  returnMs: ms(5000, 'and comes back when it is less than this'),
  holdMs: ms(10_000, 'for so long'),
  maxEvicted: z
    .number()
    .int()
    .min(0)
    .max(100)
    .default(50)
    .describe(
      "of a group's readers, and of those of a data centre, at most this share leaves for its lag, in %",
    ),
  lastReader: z
    .enum(['stays', 'primary'])
    .default('stays')
    .describe('when all readers are late: the least late one stays, or reads go to the primary'),
});

export const semiSync = z.strictObject({
  mode: z
    .enum(['off', 'auto', 'required'])
    .default('off')
    .describe(
      "off: the servers' settings are yours; auto: on, a commit waits at most timeoutMs; required: none succeeds unacknowledged",
    ),
  durability: z
    .enum(['any', 'other-dc'])
    .default('any')
    .describe("who acknowledges: any replica, or those of other data centres than the primary's"),
  acks: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('acknowledgements that a commit waits for; 0: as many as make a majority of the group'),
  timeoutMs: ms(1000, 'in mode auto, a commit waits no longer than this'),
});

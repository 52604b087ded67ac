import { z } from 'zod';

/** Whether a server that cannot take its own back may be overwritten by a copy of another. */
export const clonePolicy = z.enum(['allowed', 'never']);
export type ClonePolicy = z.infer<typeof clonePolicy>;

/** What overwrites a server that cannot take back what its primary lacks. Each is safe to perform twice. */
export const cloneSteps = [
  /** Looks for a donor and loads the plugin; nothing is destroyed yet. */
  z.object({ kind: z.literal('prepare-clone') }),
  /** `before` is the last CLONE that the server knew of: a later one that is complete is this step's. */
  z.object({ kind: z.literal('clone'), before: z.string() }),
] as const;

export const cloneOutcomes = [
  z.object({ kind: z.literal('prepared'), before: z.string() }),
  z.object({ kind: z.literal('cloned'), donor: z.string(), executed: z.string() }),
] as const;

export type CloneStep = z.infer<(typeof cloneSteps)[number]>;

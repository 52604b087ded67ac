import { z } from 'zod';
import { Writer } from './writer.ts';

/** The child of {@link spawnWriter}: a writer whose time is its own, told what to do by messages. */
const request = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('start'),
    options: z.object({
      at: z.string(),
      user: z.string(),
      password: z.string(),
      table: z.string().optional(),
      everyMs: z.number().optional(),
      connectTimeoutMs: z.number().optional(),
      insertTimeoutMs: z.number().optional(),
    }),
  }),
  z.object({ kind: z.literal('stop') }),
]);

let writer: Writer | undefined;

process.on('message', (message) => {
  const asked = request.parse(message);
  if (asked.kind === 'stop') void finish();
  else begin(new Writer(asked.options));
});
// Nobody is left to report to.
process.on('disconnect', () => process.exit(0));
// The terminal's Ctrl-C is the parent's to deal with.
process.on('SIGINT', () => undefined);

function begin(started: Writer): void {
  writer = started;
  started.start();
  setInterval(() => process.send?.({ kind: 'progress', progress: started.progress() }), 50).unref();
}

async function finish(): Promise<void> {
  const report = await writer?.stop();
  process.send?.({ kind: 'report', report }, () => process.disconnect());
}

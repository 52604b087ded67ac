import { once } from 'node:events';

let isWatched = false;

/**
 * Writes to standard output at the pace of who reads it, so that a big answer does not gather in memory. A reader that has had enough
 * (`| head`) ends the program quietly.
 */
export async function writeOut(text: string | Uint8Array): Promise<void> {
  if (!isWatched) {
    isWatched = true;
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

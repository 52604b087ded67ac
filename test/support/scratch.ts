import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeScratch } from '../../src/sandbox/scratch.ts';

/** KEEP_SANDBOX=1: sandboxes' directories stay, with the logs, until somebody removes them by hand. */
export const isKept = process.env['KEEP_SANDBOX'] !== undefined;

/** Where a sandbox is made: swept when this process is killed, unless it is to be kept. */
export function sandboxDirectory(): string {
  return isKept ? mkdtempSync(path.join(tmpdir(), 'dcmha-kept-')) : makeScratch();
}

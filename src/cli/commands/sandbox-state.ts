import path from 'node:path';
import type { SandboxState } from '../../sandbox/state.ts';

export const sandboxDirectory = {
  type: 'string',
  demandOption: true,
  describe: 'directory of the sandbox; all it makes is in there',
} as const;

/** Throws `NOT_FOUND` when there is no sandbox. */
export async function stateIn(directory: string): Promise<SandboxState> {
  const { readState } = await import('../../sandbox/state.ts');
  return readState(path.resolve(directory));
}

import { z } from 'zod';
import { hostOfId } from '../core/model/endpoint.ts';
import { mysqlEndpoint } from './layout.ts';
import { tryDcmha } from './run-dcmha.ts';
import type { SandboxState } from './state.ts';

const statusDocument = z.looseObject({
  groups: z.array(z.looseObject({ group: z.string(), primary: z.string() })),
});

const TIMEOUT_MS = 10_000;

/** The recorded primaries as `host:port` by group; empty when ZooKeeper does not answer or nothing is recorded. */
export async function recordedPrimaries(state: SandboxState): Promise<ReadonlyMap<string, string>> {
  if (state.bare) return new Map();
  const { status, stdout } = await tryDcmha(state, ['status', '--json'], TIMEOUT_MS);
  if (status !== 0) return new Map();
  const { groups } = statusDocument.parse(JSON.parse(stdout));
  return new Map(
    groups
      .filter(({ primary }) => primary !== '')
      .map(({ group, primary }) => [group, mysqlEndpoint(hostOfId(primary))]),
  );
}

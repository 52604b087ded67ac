import { z } from 'zod';
import { hostOfId } from '../core/model/endpoint.ts';
import { mysqlEndpoint } from './layout.ts';
import { tryDcmha } from './run-dcmha.ts';
import type { SandboxState } from './state.ts';

const statusDocument = z.looseObject({
  coordinators: z.array(z.string()),
  groups: z.array(
    z.looseObject({
      group: z.string(),
      primary: z.string(),
      servers: z.array(z.looseObject({ host: z.string(), agent: z.string() })),
    }),
  ),
});
type StatusDocument = z.infer<typeof statusDocument>;

const TIMEOUT_MS = 10_000;

async function readStatus(state: SandboxState): Promise<StatusDocument | undefined> {
  const { status, stdout } = await tryDcmha(state, ['status', '--json'], { timeoutMs: TIMEOUT_MS });
  return status === 0 ? statusDocument.parse(JSON.parse(stdout)) : undefined;
}

/** The recorded primaries as `host:port` by group; empty when ZooKeeper does not answer or nothing is recorded. */
export async function recordedPrimaries(state: SandboxState): Promise<ReadonlyMap<string, string>> {
  const document = state.bare ? undefined : await readStatus(state);
  const primaries = (document?.groups ?? []).filter(({ primary }) => primary !== '');
  return new Map(primaries.map(({ group, primary }) => [group, mysqlEndpoint(hostOfId(primary))]));
}

/** Which coordinators and agents are not registered in ZooKeeper; undefined when all are. */
export async function missingRegistration(state: SandboxState): Promise<string | undefined> {
  const document = await readStatus(state);
  if (document === undefined) return 'dcmha status fails';
  const expected = state.processes.filter(({ kind }) => kind === 'coordinator').length;
  if (document.coordinators.length < expected)
    return `${document.coordinators.length} of ${expected} coordinators`;
  const absent = document.groups.flatMap(({ servers }) => servers.filter(({ agent }) => agent !== 'up'));
  return absent.length === 0 ? undefined : `no agent of ${absent.map(({ host }) => host).join(', ')}`;
}

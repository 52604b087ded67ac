import type { CommandRunner } from '../../ports/system.ts';
import type { Member } from '../model/group.ts';
import { formatEndpoint } from '../model/endpoint.ts';
import type { Outcome } from '../plan/steps.ts';

/** The operator's program that cuts a host off for good: a power switch, a storage array, a cloud's API. */
export interface FenceCommand {
  readonly commands: CommandRunner;
  readonly argv: readonly string[];
  /** Then it is killed, and counts as failed. */
  readonly timeoutMs: number;
}

const SAID_MAX_CHARS = 300;

/**
 * Evidence where nobody else has any: exit status 0 says that nothing runs at the host any more, and is believed. It may be run twice for
 * one epoch. `DCMHA_GROUP`, `DCMHA_HOST`, `DCMHA_SERVER` (`host:port`) and `DCMHA_EPOCH` say what is meant.
 */
export async function fenceByCommand(
  { commands, argv, timeoutMs }: FenceCommand,
  { group, member, epoch }: { readonly group: string; readonly member: Member; readonly epoch: number },
): Promise<Extract<Outcome, { kind: 'fenced' | 'unreachable' }>> {
  const env = {
    DCMHA_GROUP: group,
    DCMHA_HOST: member.id,
    DCMHA_SERVER: formatEndpoint(member.endpoint),
    DCMHA_EPOCH: String(epoch),
  };
  const { exitCode, stderr } = await commands.run(argv, { env, stdin: '', timeoutMs });
  const program = argv[0] ?? '';
  if (exitCode === 0) return { kind: 'fenced', evidence: 'command', detail: `${program} ended with 0` };
  const how = exitCode === undefined ? `was killed after ${timeoutMs} ms` : `ended with ${exitCode}`;
  return {
    kind: 'unreachable',
    why: `fence.command (${program}) ${how}: ${stderr.slice(0, SAID_MAX_CHARS)}`,
  };
}

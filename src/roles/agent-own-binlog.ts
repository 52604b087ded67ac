import type { BinlogSource } from '../ports/binlog-source.ts';
import type { LocalServer } from './agent-checks.ts';
import type { AgentDeps, AgentOptions } from './agent-deps.ts';
import type { AgentRecall } from './agent-memory.ts';
import { refused } from './agent-refusal.ts';

/** The binlog files of the server beside, which need not run. Throws PEER_REFUSED when nobody ever said where they are. */
export function openOwnBinlog(
  { binlog }: AgentDeps,
  options: AgentOptions,
  { local, recall }: { readonly local: LocalServer; readonly recall: AgentRecall },
): BinlogSource {
  const place = options.binlogPlace ?? local.status?.binlog ?? recall.binlog;
  if (binlog === undefined || place === undefined)
    throw refused({ reason: 'no-binlog', why: 'the binlog is not known here: set agent.datadir' });
  return binlog.open(place);
}

import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import type { AgentRecall } from './memory.ts';
import { refused } from './refusal.ts';

/** The binlog files of the server beside, which need not run. Throws PEER_REFUSED when nobody ever said where they are. */
export function openOwnBinlog(
  { binlog }: AgentDeps,
  options: AgentOptions,
  { local, recall }: { readonly local: LocalServer; readonly recall: AgentRecall },
): BinlogSource {
  const place = ownBinlogPlace(options, { local, recall });
  if (binlog === undefined || place === undefined)
    throw refused({ reason: 'no-binlog', why: 'the binlog is not known here: set agent.datadir' });
  return binlog.open(place);
}

/** As configured, as the server says, or as it said when it was last seen alive. */
export function ownBinlogPlace(
  { binlogPlace }: AgentOptions,
  { local, recall }: { readonly local: LocalServer; readonly recall: AgentRecall },
): BinlogPlace | undefined {
  return binlogPlace ?? local.status?.binlog ?? recall.binlog;
}

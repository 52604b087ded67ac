import type { Endpoint } from '../../core/model/endpoint.ts';
import type { Member, PrimaryRecord } from '../../core/model/group.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { AgentDeps, RejoinDeps } from './deps.ts';
import type { WriteGate } from './fence.ts';

/** What the steps of a return work with. */
export interface RejoinEffects {
  readonly deps: AgentDeps;
  readonly rejoin: RejoinDeps;
  readonly gate: WriteGate;
  readonly server: Endpoint;
  /** Where the recorded primary is now. */
  readonly primary: Endpoint;
  /** The server's own binlog files. */
  readonly source: () => BinlogSource;
  readonly signal: AbortSignal;
  readonly members: () => readonly Member[];
  /** Of the server, where it said so. */
  readonly dataDirectory: () => string | undefined;
  /** Deadline of a call to another agent. */
  readonly peerTimeoutMs: number;
  /** The recorded primary as of now. Throws PEER_REFUSED when this agent is not the one to go on. */
  readonly leave: () => Promise<PrimaryRecord>;
}

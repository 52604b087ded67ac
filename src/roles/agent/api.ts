import { callPeer, handlePeer, type PeerImplementation } from '../../core/peer/api.ts';
import { agentApi } from '../../core/peer/agent-api.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { PeerHandler } from '../../ports/peers.ts';
import type { BinlogKeeper } from './binlog.ts';
import type { LocalServer } from './checks.ts';
import { offerClone } from './clone-offer.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import type { WriteGate } from './fence.ts';
import type { LagGauge } from './lag.ts';
import type { AskTiming, LeaseKeeper, LeasePeers } from './lease.ts';
import { refused, type EpochOf } from './refusal.ts';
import type { ReplicaKeeper } from './replica.ts';
import type { SemiSyncKeeper } from './semi-sync.ts';
import type { GroupView } from './view.ts';

interface ApiParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly gate: WriteGate;
  readonly lease: LeaseKeeper;
  readonly replica: ReplicaKeeper;
  readonly binlog: BinlogKeeper;
  readonly semiSync: SemiSyncKeeper;
  readonly lag: LagGauge;
  /** Told of what no process of ours should have asked. */
  readonly turnedAway: (what: string) => void;
}

/** Why something is refused that is no accident of timing. */
const incredible: ReadonlySet<string> = new Set(['past-epoch', 'other-group', 'lease-too-long']);

/** Whoever asks for a fence waits for two peer calls' time; the answer has to be on its way before. */
const fenceShare = 1.8;

/** What this agent answers on its control port. */
export function agentHandler(deps: AgentDeps, options: AgentOptions, parts: ApiParts): PeerHandler {
  const { gate, view, local, lease, replica, binlog, semiSync, lag, turnedAway } = parts;
  const implementation: PeerImplementation<typeof agentApi> = {
    status: () => {
      const { verdict, since, why } = local.verdict;
      return Promise.resolve({
        host: options.host,
        group: view.member?.group,
        verdict,
        since,
        why,
        version: options.version,
        pid: local.pid,
        writable: local.writable,
        executed: local.status?.executed,
        ...(lease.tenure === undefined
          ? {}
          : { epoch: lease.tenure.epoch, leaseMs: Math.round(lease.leftMs()) }),
        replication: replica.health(),
        lagMs: lag.lagMs,
        unfit: semiSync.unfit,
      });
    },
    prepareFence: async ({ group }) => {
      if (view.member?.group !== group)
        throw refused({ reason: 'other-group', why: `this server is not one of ${group}` });
      await deps.mysql.lookAtClients(local.endpoint, { timeoutMs: options.peerTimeoutMs });
      return { looked: true };
    },
    fence: async ({ group, epoch, mayKill, drainMs = 0 }) => {
      if (drainMs > 0) await drainFirst(deps, local, drainMs);
      const deadline = deps.clock.monotonic() + options.peerTimeoutMs * fenceShare;
      const graceMs = drainMs > 0 ? drainMs : undefined;
      return gate.fence({ group, epoch }, { deadline, mayKill: mayKill ?? true, graceMs });
    },
    openWrites: async ({ group, epoch }) => {
      await gate.open({ group, epoch }, 'plan');
      return { opened: true };
    },
    serveBinlog: (params) => binlog.serve(params),
    stopBinlog: async (params) => {
      await binlog.stop(params);
      return { stopped: true };
    },
    offerClone: async ({ group }) => {
      await offerClone(deps, { view, local, gate }, group);
      return { offered: true };
    },
    acceptPrimary: async ({ leaseMs, ...request }) => {
      await gate.accept(request, leaseMs);
      return { accepted: true };
    },
  };
  return telling(handlePeer(agentApi, implementation), turnedAway);
}

/** Tells of refusals that no schedule of events among our own processes explains. */
function telling(handler: PeerHandler, turnedAway: (what: string) => void): PeerHandler {
  return async (method, params) => {
    try {
      return await handler(method, params);
    } catch (thrown) {
      const { code, message, details } = toDcmhaError(thrown);
      const reason = String(details['reason']);
      if (code === 'PEER_REFUSED' && incredible.has(reason)) turnedAway(`${method}: ${message}`);
      throw thrown;
    }
  };
}

/** What cannot be waited for is ended by the fence. */
async function drainFirst({ mysql, log }: AgentDeps, local: LocalServer, timeoutMs: number): Promise<void> {
  try {
    const { busy } = await mysql.drain(local.endpoint, { timeoutMs });
    log.info('clients had time to end their transactions', { timeoutMs, busy });
  } catch (thrown) {
    log.warn('clients could not be waited for', { error: toDcmhaError(thrown).message });
  }
}

/** Asks all of them at once to accept this primary; who refused or kept silent, and why; undefined when all accepted. */
export async function askAll(
  deps: AgentDeps,
  self: string,
  asked: { readonly peers: LeasePeers; readonly epoch: EpochOf; readonly timing: AskTiming },
): Promise<string | undefined> {
  const { leaseMs, timeoutMs } = asked.timing;
  const answers = await Promise.all(
    asked.peers.map(async ({ id, agent }) => {
      try {
        const params = { ...asked.epoch, primary: self, leaseMs };
        await callPeer(deps.caller, agentApi, agent, { method: 'acceptPrimary', params, timeoutMs });
        return undefined;
      } catch (thrown) {
        return `${id}: ${toDcmhaError(thrown).message}`;
      }
    }),
  );
  return answers.find((answer) => answer !== undefined);
}

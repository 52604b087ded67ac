import { DcmhaError } from '../core/model/errors.ts';
import { parseEndpoint } from '../core/model/endpoint.ts';
import type { Config } from './schema.ts';

/** A rule over several settings, or one that a type cannot say. */
interface Rule {
  /** The setting that the operator would change. */
  readonly key: string;
  readonly holds: (config: Config) => boolean;
  /** What must be so, and why. */
  readonly text: string;
}

const RULES: readonly Rule[] = [
  {
    key: 'zookeeper.hosts',
    holds: ({ zookeeper }) => zookeeper.hosts.split(',').every(isEndpoint),
    text: 'must be host:port,host:port',
  },
  {
    key: 'zookeeper.sessionTimeoutMs',
    holds: ({ zookeeper }) => zookeeper.sessionTimeoutMs >= 1000,
    text: 'must be 1000 or more: leases are a part of it, and must outlast a round trip to the ensemble',
  },
  {
    key: 'zookeeper.passwordFile',
    holds: ({ zookeeper }) => zookeeper.user === '' || zookeeper.passwordFile !== undefined,
    text: 'must be set when zookeeper.user is',
  },
  {
    key: 'lag.returnMs',
    holds: ({ lag }) => lag.returnMs <= lag.evictMs,
    text: 'must not be more than lag.evictMs: a replica would leave and come back without end',
  },
  {
    key: 'mysql.sslCaFile',
    holds: ({ mysql }) => mysql.sslCaFile === undefined || mysql.ssl,
    text: 'needs mysql.ssl: true',
  },
  {
    key: 'mysql.replicationUser',
    holds: ({ mysql }) => mysql.replicationUser !== mysql.user,
    text: 'must differ from mysql.user: replicas need less than the manager may do',
  },
  {
    key: 'peer.timeoutMs',
    holds: ({ peer, zookeeper }) => peer.timeoutMs < zookeeper.sessionTimeoutMs,
    text: 'must be less than zookeeper.sessionTimeoutMs: an agent that is cut off asks its peers within its lease',
  },
  {
    key: 'agent.checkTimeoutMs',
    holds: ({ agent, zookeeper }) => agent.checkTimeoutMs < zookeeper.sessionTimeoutMs,
    text: 'must be less than zookeeper.sessionTimeoutMs: the agent must notice before its session is lost',
  },
  {
    key: 'agent.attempts',
    holds: ({ agent }) => agent.attempts * (agent.checkTimeoutMs + agent.checkIntervalMs) <= 60_000,
    text: 'times agent.checkTimeoutMs plus agent.checkIntervalMs must be 60000 or less: so long would a hung server stay unnoticed',
  },
  {
    key: 'failover.stalledMs',
    holds: ({ agent, failover }) => failover.stalledMs >= agent.commitProbeTimeoutMs,
    text: 'must not be less than agent.commitProbeTimeoutMs, which is how a stall is found',
  },
  {
    key: 'failover.gatherTimeoutMs',
    holds: ({ coordinator, failover }) => failover.gatherTimeoutMs >= coordinator.probeTimeoutMs,
    text: 'must not be less than coordinator.probeTimeoutMs, which it contains',
  },
  {
    key: 'catchUp.deadlineMs',
    holds: ({ catchUp, failover }) => catchUp.deadlineMs <= failover.stepTimeoutMs,
    text: 'must not exceed failover.stepTimeoutMs, which ends the step',
  },
  {
    key: 'agent.binlogPort',
    holds: ({ agent }) => agent.binlogPort !== agent.port,
    text: 'must differ from agent.port',
  },
  {
    key: 'agent.startMysqld',
    holds: ({ agent }) => agent.startMysqld.length === 0 || agent.startMysqld[0]?.trim() !== '',
    text: 'must begin with the program, as in [systemctl, start, mysqld]',
  },
  {
    key: 'router.leasePort',
    holds: ({ router }) => router.leasePort !== router.port,
    text: 'must differ from router.port',
  },
  {
    key: 'router.writePort',
    holds: ({ router, agent }) => ![router.port, router.leasePort, agent.port].includes(router.writePort),
    text: 'must differ from router.port, router.leasePort and agent.port',
  },
  {
    key: 'salvage.directory',
    holds: ({ agent, salvage }) =>
      agent.datadir === undefined ||
      !`${salvage.directory}/`.startsWith(`${agent.datadir.replace(/\/+$/, '')}/`),
    text: 'must not be inside agent.datadir: what is saved must outlive the data',
  },
  {
    key: 'addition.passwordFile',
    holds: ({ addition }) => addition.user === '' || addition.passwordFile !== undefined,
    text: 'must be set when addition.user is',
  },
  {
    key: 'addition.sslKeyFile',
    holds: ({ addition }) => (addition.sslKeyFile === undefined) === (addition.sslCertFile === undefined),
    text: 'goes with addition.sslCertFile: a certificate and its key',
  },
  {
    key: 'alerts.webhook',
    holds: ({ alerts }) =>
      alerts.webhook === '' || (/^https?:\/\//.test(alerts.webhook) && URL.canParse(alerts.webhook)),
    text: 'must be an http or https URL',
  },
];

/** The rules that a configuration breaks: setting and what must be so. */
export function brokenRules(config: Config): readonly { readonly key: string; readonly text: string }[] {
  return RULES.filter((rule) => !rule.holds(config)).map(({ key, text }) => ({ key, text }));
}

function isEndpoint(text: string): boolean {
  try {
    parseEndpoint(text);
    return true;
  } catch (error) {
    if (error instanceof DcmhaError) return false;
    throw error;
  }
}

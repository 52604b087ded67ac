import { z } from 'zod';
import { ms, path, port } from './fields.ts';
import { lag, semiSync } from './replication-schema.ts';

const zookeeper = z.strictObject({
  hosts: z.string().min(1).default('127.0.0.1:2181').describe('ensemble: host:port,host:port'),
  root: z
    .string()
    .regex(/^\/[^/]+(\/[^/]+)*$/, 'a path such as /mysql')
    .default('/mysql')
    .describe('where this installation lives in ZooKeeper'),
  sessionTimeoutMs: ms(6000, 'session timeout asked for; leases are shorter than it'),
  user: z.string().default('').describe('digest user; empty: no authentication'),
  passwordFile: path('file that holds the digest password').optional(),
  worldReadable: z.boolean().default(false).describe('let everybody read the tree'),
});

const mysql = z.strictObject({
  user: z.string().min(1).default('dcmha').describe('account that manages the servers'),
  passwordFile: path('file that holds its password').optional(),
  connectTimeoutMs: ms(1000, 'deadline of a connection attempt'),
  queryTimeoutMs: ms(10_000, 'deadline of a statement that has no deadline of its own'),
  ssl: z
    .boolean()
    .default(false)
    .describe('TLS to the servers; the certificate is checked when sslCaFile is set'),
  sslCaFile: path('CA certificate of the servers').optional(),
  replicationUser: z.string().min(1).default('repl').describe('account that replicas attach with'),
  replicationPasswordFile: path('file that holds its password').optional(),
  replicationSsl: z.boolean().default(false).describe('TLS on replication channels'),
});

const peer = z.strictObject({
  secretFile: path('file that holds the secret shared by all dcmha processes').optional(),
  timeoutMs: ms(2000, 'deadline of a call between dcmha processes'),
});

const agent = z.strictObject({
  port: port(7071, 'control port of the agents'),
  pidFile: path("mysqld's pid file, to see its death at once").optional(),
  socket: path("mysqld's socket; without it the agent connects over TCP").optional(),
  datadir: path("mysqld's data directory, to read its binlog files").optional(),
  binlogIndex: path(
    "mysqld's binlog index file; without it binlog.index in datadir, or what the server says",
  ).optional(),
  startMysqld: z
    .array(z.string())
    .default([])
    .describe(
      'program and arguments that start mysqld, such as systemctl start mysqld; only used while this server returns, after its binlog was cut where that helps; empty: never',
    ),
  startTimeoutMs: ms(120_000, 'deadline of that program, and of mysqld to answer after it'),
  binlogPort: port(7074, "port on which a dead primary's agent hands out its binlog"),
  stateDirectory: path('where the agent keeps what it must not forget').default('/var/lib/dcmha'),
  checkIntervalMs: ms(500, 'time between checks'),
  checkTimeoutMs: ms(1000, 'deadline of one check'),
  attempts: z
    .number()
    .int()
    .min(1)
    .default(3)
    .describe('failed checks in a row before a verdict out of doubt'),
  commitProbeTimeoutMs: ms(3000, 'a primary that cannot commit for this long is stalled'),
});

const coordinator = z.strictObject({
  tickMs: ms(5000, 'everything is looked at again at least this often, whether a watch says so or not'),
  probeTimeoutMs: ms(800, 'deadline of the evidence that is gathered before a decision'),
  replicaGraceMs: ms(3000, 'a replica must be away this long before it leaves the read list'),
});

const router = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe("address of the router's control port, as in `addroute`"),
  port: port(7072, 'control port of the router'),
  directory: path('where the HAProxy files G.cfg are').default('/etc/haproxy/dcmha'),
  runDirectory: path('where HAProxy sockets and pid files are').default('/run/dcmha'),
  haproxy: path('the haproxy program').default('haproxy'),
  templateFile: path('template of a G.cfg that is not there yet; built in when absent').optional(),
  bind: z.string().default('').describe('address of the listeners of new files; empty: all'),
  writePort: port(3598, 'first write port of new files; the n-th group gets writePort + 2n'),
  dc: z.string().default('').describe("the router's data centre, as in the servers' metadata"),
  reads: z
    .enum(['local-first', 'all'])
    .default('local-first')
    .describe('local-first: readers of other data centres are backups; needs router.dc'),
  weights: z
    .enum(['fixed', 'by-lag'])
    .default('fixed')
    .describe(
      "fixed: the servers' weights of the metadata; by-lag: less for late ones, between lag.returnMs and lag.evictMs",
    ),
  leasePort: port(
    7073,
    'loopback port that HAProxy checks: closed when this router cannot vouch for its routes',
  ),
});

const failover = z.strictObject({
  automatic: z.boolean().default(true).describe('false: only alerts and operator commands move a primary'),
  cooldownMs: ms(600_000, 'no second automatic failover of a group within'),
  gatherTimeoutMs: ms(2000, 'deadline of the evidence about a dead primary'),
  freezeTimeoutMs: ms(30_000, 'deadline for candidates to apply what they received'),
  stepTimeoutMs: ms(
    30_000,
    'deadline of every other step; past it the plan is blocked and the operator told',
  ),
  confirmMs: ms(5000, 'routers are waited for this long at the end; a late one is told of'),
  stalledMs: ms(5000, 'a primary that answers but cannot commit for this long is failed over'),
  maxLoss: z
    .number()
    .int()
    .min(0)
    .default(1000)
    .describe('block instead of going on when more transactions than this are known to be lost for good'),
  allowedDcs: z.array(z.string().min(1)).default([]).describe('data centres a primary may be in; empty: any'),
  crossDc: z
    .enum(['allowed', 'needs-approval', 'never'])
    .default('allowed')
    .describe(
      'whether a failover may leave the data centre of the old primary; needs-approval: it waits for dcmha task approve',
    ),
  crossDcMaxLoss: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('the same as maxLoss when it leaves the data centre; not set: maxLoss'),
  crossDcMaxLossMs: z
    .number()
    .int()
    .positive()
    .optional()
    .describe(
      'block when it leaves the data centre and loses known transactions that are older than this at the end of the old primary, in ms; not set: any',
    ),
  lowerVersion: z
    .enum(['never', 'allowed'])
    .default('never')
    .describe("whether a server of an older MySQL series than the old primary's may take over"),
  approvalMs: ms(900_000, 'an approval is void when it was not acted upon within'),
  quorum: z
    .enum(['one', 'half', 'majority', 'all'])
    .default('half')
    .describe(
      'how many of the replicas that may be promoted an automatic failover must reach, where the dead primary cannot tell what they may hold',
    ),
});

const catchUp = z.strictObject({
  policy: z
    .enum(['always', 'never', 'acked-only'])
    .default('always')
    .describe("carry over the dead primary's own transactions"),
  deadlineMs: ms(10_000, 'time allowed for it'),
});

const rejoin = z.strictObject({
  automatic: z.boolean().default(true).describe('the agent brings a returned primary back as a replica'),
  publish: z
    .enum(['auto', 'manual'])
    .default('auto')
    .describe('auto: back on the read list by itself; manual: by setha'),
  clone: z
    .enum(['never', 'allowed'])
    .default('never')
    .describe('allowed: a returned primary that cannot take its transactions back is overwritten by a CLONE'),
});

const alertSinks = z.strictObject({
  command: z.array(z.string()).default([]).describe('program and arguments run for each alert'),
  webhook: z.string().default('').describe('URL that gets each alert as JSON by POST'),
  timeoutMs: ms(5000, 'deadline of a sink'),
  repeatMs: ms(300_000, 'a standing condition is told again after'),
});

const addition = z.strictObject({
  user: z
    .string()
    .default('')
    .describe(
      "account on other regions' servers that regional channels log in with; empty: mysql.replicationUser",
    ),
  passwordFile: path('file that holds its password; needed with addition.user').optional(),
  sslCaFile: path(
    'CA certificate of the other regions; the same path on MySQL hosts, which use it, and on those of coordinators and agents',
  ).optional(),
  sslCertFile: path('client certificate shown to the other regions, likewise').optional(),
  sslKeyFile: path('its key, likewise').optional(),
  graceMs: ms(3000, 'a regional source must be away for this long before another server takes its place'),
});

const log = z.strictObject({
  level: z.enum(['error', 'warn', 'info', 'debug']).default('info').describe('least level that is written'),
  format: z.enum(['json', 'text']).default('json').describe('one JSON object a line, or text'),
});

const fence = z.strictObject({
  command: z
    .array(z.string().min(1))
    .default([])
    .describe('program and arguments that cut a silent host off; 0 says that nothing runs there any more'),
  timeoutMs: ms(15_000, 'then it is killed, and leases decide'),
});

const fleet = z.strictObject({
  max: z
    .number()
    .int()
    .min(1)
    .default(3)
    .describe('automatic failovers in the window; more hold, for it is the network or us'),
  windowMs: ms(60_000, 'the window'),
});

/** The one configuration file, the same for every role. Each key has a default and a description. */
export const configSchema = z.strictObject({
  zookeeper: zookeeper.prefault({}),
  mysql: mysql.prefault({}),
  peer: peer.prefault({}),
  agent: agent.prefault({}),
  coordinator: coordinator.prefault({}),
  router: router.prefault({}),
  failover: failover.prefault({}),
  catchUp: catchUp.prefault({}),
  salvage: z
    .strictObject({
      directory: path('where transactions taken back are saved').default('/var/lib/dcmha/salvage'),
    })
    .prefault({}),
  lag: lag.prefault({}),
  semiSync: semiSync.prefault({}),
  rejoin: rejoin.prefault({}),
  alerts: alertSinks.prefault({}),
  fence: fence.prefault({}),
  addition: addition.prefault({}),
  fleet: fleet.prefault({}),
  log: log.prefault({}),
});

export type Config = z.infer<typeof configSchema>;

import type { CommandModule } from 'yargs';

/**
 * Every command by name, in the order of `--help`: the roles, then what an operator does, then tools. Each is loaded when it is called:
 * a program that is started by scripts must start fast.
 */
export const commands: Readonly<Record<string, () => Promise<CommandModule>>> = {
  serve: async () => (await import('./commands/serve.ts')).serveCommand,
  heartbeat: async () => (await import('./commands/heartbeat.ts')).heartbeatCommand,
  route: async () => (await import('./commands/route.ts')).routeCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  insertclustermeta: async () => (await import('./commands/meta.ts')).insertclustermetaCommand,
  addmeta: async () => (await import('./commands/meta.ts')).addmetaCommand,
  addroute: async () => (await import('./commands/meta.ts')).addrouteCommand,
  add: async () => (await import('./commands/add.ts')).addCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  failover: async () => (await import('./commands/failover.ts')).failoverCommand,
  switchover: async () => (await import('./commands/switchover.ts')).switchoverCommand,
  evacuate: async () => (await import('./commands/evacuate.ts')).evacuateCommand,
  setwhite: async () => (await import('./commands/pause.ts')).setwhiteCommand,
  unsetwhite: async () => (await import('./commands/pause.ts')).unsetwhiteCommand,
  task: async () => (await import('./commands/task.ts')).taskCommand,
  setmaster: async () => (await import('./commands/task.ts')).taskCommand,
  ack: async () => (await import('./commands/ack.ts')).ackCommand,
  setha: async () => (await import('./commands/setha.ts')).sethaCommand,
  addition: async () => (await import('./commands/addition.ts')).additionCommand,
  policy: async () => (await import('./commands/policy.ts')).policyCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  history: async () => (await import('./commands/history.ts')).historyCommand,
  alert: async () => (await import('./commands/alert.ts')).alertCommand,
  config: async () => (await import('./commands/config.ts')).configCommand,
  rollback: async () => (await import('./commands/rollback.ts')).rollbackCommand,
  binlog: async () => (await import('./commands/binlog.ts')).binlogCommand,
  sandbox: async () => (await import('./commands/sandbox.ts')).sandboxCommand,
  demo: async () => (await import('./commands/demo.ts')).demoCommand,
};

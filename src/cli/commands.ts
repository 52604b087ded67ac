import type { CommandModule } from 'yargs';
import { addCommand } from './commands/add.ts';
import { alertCommand } from './commands/alert.ts';
import { binlogCommand } from './commands/binlog.ts';
import { configCommand } from './commands/config.ts';
import { demoCommand } from './commands/demo.ts';
import { failoverCommand } from './commands/failover.ts';
import { heartbeatCommand } from './commands/heartbeat.ts';
import { historyCommand } from './commands/history.ts';
import { initCommand } from './commands/init.ts';
import { addmetaCommand, addrouteCommand, insertclustermetaCommand } from './commands/meta.ts';
import { setwhiteCommand, unsetwhiteCommand } from './commands/pause.ts';
import { routeCommand } from './commands/route.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { serveCommand } from './commands/serve.ts';
import { sethaCommand } from './commands/setha.ts';
import { statusCommand } from './commands/status.ts';
import { taskCommand } from './commands/task.ts';

/** Every command, in the order of `--help`: the roles, then what an operator does, then tools. */
export const commands: readonly CommandModule[] = [
  serveCommand,
  heartbeatCommand,
  routeCommand,
  initCommand,
  insertclustermetaCommand,
  addmetaCommand,
  addrouteCommand,
  addCommand,
  statusCommand,
  failoverCommand,
  setwhiteCommand,
  unsetwhiteCommand,
  taskCommand,
  sethaCommand,
  historyCommand,
  alertCommand,
  configCommand,
  binlogCommand,
  sandboxCommand,
  demoCommand,
];

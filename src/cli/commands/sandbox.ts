import path from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { killProcesses, killSignals, startProcesses } from '../../sandbox/control.ts';
import { tearDown } from '../../sandbox/down.ts';
import { runInForeground } from '../../sandbox/foreground.ts';
import { defaultOptions } from '../../sandbox/layout.ts';
import { renderStatus } from '../../sandbox/render-status.ts';
import { processKinds, readState, type SandboxState } from '../../sandbox/state.ts';
import { sandboxStatus } from '../../sandbox/status.ts';
import { startSandbox } from '../../sandbox/up.ts';

const whats = [...processKinds, 'host'] as const;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function printStatus(state: SandboxState, json: boolean): Promise<void> {
  const status = await sandboxStatus(state);
  print(json ? JSON.stringify(status, null, 2) : renderStatus(status));
}

const common = (yargs: Argv) =>
  yargs
    .option('dir', {
      type: 'string',
      demandOption: true,
      describe: 'directory of the sandbox; all it makes is in there',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print JSON' });

const count = (value: number, describe: string) => ({ type: 'number', default: value, describe }) as const;

const up = (yargs: Argv) =>
  common(yargs)
    .option('groups', count(defaultOptions.groups, 'groups, named g1, g2, ...'))
    .option('hosts', count(defaultOptions.hosts, 'MySQL servers of each group'))
    .option(
      'zookeepers',
      count(defaultOptions.zookeepers, 'ZooKeeper servers; more than one form an ensemble'),
    )
    .option('coordinators', count(defaultOptions.coordinators, 'coordinators'))
    .option('routers', count(defaultOptions.routers, 'routers, each with its HAProxy'))
    .option('bare', { type: 'boolean', default: false, describe: 'ZooKeeper and MySQL only, no dcmha' })
    .option('foreground', {
      type: 'boolean',
      default: false,
      describe: 'stay, and tear all down at the end, however that comes',
    })
    .example('$0 sandbox up --dir /tmp/try', 'three servers, two coordinators, one router')
    .example('$0 sandbox up --dir /tmp/try --groups 2 --zookeepers 3', 'two groups, a ZooKeeper ensemble');

type Options<T> = T extends (yargs: Argv) => Argv<infer O> ? O : never;

async function runUp(args: Options<typeof up>): Promise<void> {
  const began = performance.now();
  if (args.foreground) {
    await runInForeground(args, (state) => printStatus(state, args.json));
    return;
  }
  const state = await startSandbox(args);
  await printStatus(state, args.json);
  if (!args.json) print(`up in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

const selected = (yargs: Argv) =>
  common(yargs).option('host', {
    type: 'string',
    describe: "the host's address, or the process's id as status shows it",
  });

const kill = (yargs: Argv) =>
  selected(yargs)
    .option('what', {
      choices: whats,
      demandOption: true,
      describe: 'what to signal; host: all that lives there',
    })
    .option('signal', { choices: killSignals, default: 'KILL' as const, describe: 'the signal' })
    .example('$0 sandbox kill --dir /tmp/try --what mysqld --host 127.0.20.11', 'kill -9 of one MySQL server')
    .example(
      '$0 sandbox kill --dir /tmp/try --what coordinator --host coordinator-1 --signal STOP',
      'a hang',
    );

async function runKill(args: Options<typeof kill>): Promise<void> {
  const state = await readState(path.resolve(args.dir));
  const signalled = await killProcesses(state, { what: args.what, host: args.host }, args.signal);
  report(args.json, { signal: args.signal, signalled }, `SIG${args.signal} to`);
}

const start = (yargs: Argv) =>
  selected(yargs)
    .option('what', { choices: whats, describe: 'what to start; without it all that is meant by --host' })
    .example(
      '$0 sandbox start --dir /tmp/try --what mysqld --host 127.0.20.11',
      'bring one MySQL server back',
    )
    .example('$0 sandbox start --dir /tmp/try', 'start all that is stopped');

async function runStart(args: Options<typeof start>): Promise<void> {
  const state = await readState(path.resolve(args.dir));
  const running = await startProcesses(state, { what: args.what, host: args.host });
  report(args.json, { running }, 'running:');
}

function report(json: boolean, result: Readonly<Record<string, unknown>>, said: string): void {
  const ids = Object.values(result).flatMap((value) => (Array.isArray(value) ? value.map(String) : []));
  print(json ? JSON.stringify(result) : `${said} ${ids.length === 0 ? 'nothing' : ids.join(', ')}`);
}

const down = (yargs: Argv) =>
  common(yargs).option('keep', {
    type: 'boolean',
    default: false,
    describe: 'leave data and logs; dcmha sandbox start brings it back',
  });

async function runDown(args: Options<typeof down>): Promise<void> {
  const result = await tearDown(args.dir, { keep: args.keep });
  if (args.json) print(JSON.stringify(result));
  else print(`${result.killed} processes ended${result.removed ? `, ${args.dir} removed` : ''}`);
}

const status = common;

async function runStatus(args: Options<typeof status>): Promise<void> {
  await printStatus(await readState(path.resolve(args.dir)), args.json);
}

/** `dcmha sandbox`: real servers and all roles of dcmha in one directory, on loopback addresses of its own. */
export const sandboxCommand: CommandModule = {
  command: 'sandbox <action>',
  describe: 'real MySQL, ZooKeeper, HAProxy and dcmha in a directory, to try and to test',
  builder: (yargs) =>
    yargs
      .command('up', 'start one; returns when all is healthy', up, runUp)
      .command('status', 'what runs, where, and who is the primary', status, runStatus)
      .command('kill', 'signal a process or a whole host', kill, runKill)
      .command('start', 'bring back what was stopped', start, runStart)
      .command('down', 'end it and remove its directory; works whatever is left', down, runDown)
      .demandCommand(1, 'say what to do: up, status, kill, start or down'),
  handler: () => undefined,
};

import type { CommandModule } from 'yargs';
import { defaultOptions } from '../../sandbox/layout.ts';
import { killSignals, whats } from '../../sandbox/selection.ts';
import type { SandboxState } from '../../sandbox/state.ts';
import { defineCommand } from '../define-command.ts';
import { print } from '../output.ts';
import { cut, heal } from './sandbox-network.ts';
import { sandboxDirectory as dir, stateIn } from './sandbox-state.ts';

// The sandbox's modules are loaded when they are used: every other command starts faster without them.

const count = (value: number, describe: string) => ({ type: 'number', default: value, describe }) as const;

async function printStatus(state: SandboxState, json: boolean): Promise<void> {
  const { sandboxStatus } = await import('../../sandbox/status.ts');
  const { renderStatus } = await import('../../sandbox/render-status.ts');
  const status = await sandboxStatus(state);
  print(json, status, () => renderStatus(status));
}

const up = defineCommand({
  command: 'up',
  describe: 'start one; returns when all is healthy',
  options: {
    dir,
    groups: count(defaultOptions.groups, 'groups, named g1, g2, ...'),
    hosts: count(defaultOptions.hosts, 'MySQL servers of each group'),
    zookeepers: count(defaultOptions.zookeepers, 'ZooKeeper servers; more than one form an ensemble'),
    coordinators: count(defaultOptions.coordinators, 'coordinators'),
    routers: count(defaultOptions.routers, 'routers, each with its HAProxy'),
    bare: { type: 'boolean', default: false, describe: 'ZooKeeper and MySQL only, no dcmha' },
    isolated: {
      type: 'boolean',
      default: false,
      describe: 'each host in a network of its own, for sandbox cut; needs root',
    },
    foreground: {
      type: 'boolean',
      default: false,
      describe: 'stay, and tear all down at the end, however that comes',
    },
  },
  examples: [
    ['$0 sandbox up --dir /tmp/try', 'three servers, two coordinators, one router'],
    ['$0 sandbox up --dir /tmp/try --groups 2 --zookeepers 3', 'two groups, a ZooKeeper ensemble'],
  ],
  run: async (args) => {
    const began = performance.now();
    const tell = async (state: SandboxState) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      await printStatus(state, args.json);
      if (!args.json) process.stdout.write(`up in ${seconds} s\n`);
    };
    if (args.foreground) {
      const { runInForeground } = await import('../../sandbox/foreground.ts');
      return runInForeground(args, tell);
    }
    const { startSandbox } = await import('../../sandbox/up.ts');
    return tell(await startSandbox(args));
  },
});

const status = defineCommand({
  command: 'status',
  describe: 'what runs, where, and who is the primary',
  options: { dir },
  run: async (args) => printStatus(await stateIn(args.dir), args.json),
});

const host = {
  type: 'string',
  describe: "the host's address, or the process's id as status shows it",
} as const;

const kill = defineCommand({
  command: 'kill',
  describe: 'signal a process or a whole host',
  options: {
    dir,
    what: { choices: whats, demandOption: true, describe: 'what to signal; host: all that lives there' },
    host,
    signal: { choices: killSignals, default: 'KILL', describe: 'the signal' },
  },
  examples: [
    ['$0 sandbox kill --dir /tmp/try --what mysqld --host 127.0.20.11', 'kill -9 of one MySQL server'],
    ['$0 sandbox kill --dir /tmp/try --what coordinator --host coordinator-1 --signal STOP', 'a hang'],
  ],
  run: async (args) => {
    const { killProcesses } = await import('../../sandbox/control.ts');
    const signal = killSignals.find((known) => known === args.signal);
    const signalled = await killProcesses(
      await stateIn(args.dir),
      { what: args.what, host: args.host },
      signal,
    );
    print(args.json, { signal, signalled }, () => `SIG${args.signal} to ${listed(signalled)}`);
  },
});

const start = defineCommand({
  command: 'start',
  describe: 'bring back what was stopped, or paused',
  options: {
    dir,
    what: { choices: whats, describe: 'what to start; without it everything, or all that lives at --host' },
    host,
  },
  examples: [
    ['$0 sandbox start --dir /tmp/try --what mysqld --host 127.0.20.11', 'bring one MySQL server back'],
    ['$0 sandbox start --dir /tmp/try', 'start all that is stopped'],
  ],
  run: async (args) => {
    const { startProcesses } = await import('../../sandbox/control.ts');
    const running = await startProcesses(await stateIn(args.dir), { what: args.what, host: args.host });
    print(args.json, { running }, () => `running: ${listed(running)}`);
  },
});

const listed = (ids: readonly string[]) => (ids.length === 0 ? 'nothing' : ids.join(', '));

const down = defineCommand({
  command: 'down',
  describe: 'end it and remove its directory; works whatever is left of it',
  options: {
    dir,
    keep: {
      type: 'boolean',
      default: false,
      describe: 'leave data and logs; dcmha sandbox start brings it back',
    },
  },
  run: async (args) => {
    const { tearDown } = await import('../../sandbox/down.ts');
    const result = await tearDown(args.dir, { keep: args.keep });
    print(args.json, result, () => {
      const gone = result.removed ? `, ${args.dir} removed` : '';
      return `${result.killed} processes ended${gone}`;
    });
  },
});

/** `dcmha sandbox`: real servers and all roles of dcmha in one directory, on loopback addresses of its own. */
export const sandboxCommand: CommandModule = {
  command: 'sandbox <action>',
  describe: 'real MySQL, ZooKeeper, HAProxy and dcmha in a directory, to try and to test',
  builder: (yargs) =>
    [up, status, kill, start, cut, heal, down]
      .reduce((built, command) => built.command(command), yargs)
      .demandCommand(1, 'say what to do: up, status, kill, start, cut, heal or down'),
  handler: () => undefined,
};

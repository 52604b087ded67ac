import { defineCommand } from '../define-command.ts';

export const demoCommand = defineCommand({
  command: 'demo',
  describe: 'a real failover on this machine: kill -9 of a primary under load, with a printed timeline',
  help:
    'Starts a sandbox (MySQL, ZooKeeper, HAProxy and all roles on loopback addresses), writes through HAProxy, kills the primary, ' +
    'checks every acknowledged row, and removes everything. Exit status 0 only if all checks held.',
  options: {
    dir: { type: 'string', describe: 'directory of its sandbox; else one of its own under .sandbox/run' },
    hosts: { type: 'number', default: 3, describe: 'MySQL servers' },
    keep: { type: 'boolean', default: false, describe: 'leave the sandbox running afterwards' },
  },
  run: async (args) => {
    // Loaded when used: every other command starts faster without it.
    const { runDemo } = await import('../../sandbox/demo.ts');
    const held = await runDemo({ dir: args.dir, hosts: args.hosts, keep: args.keep, json: args.json });
    if (!held) process.exitCode = 1;
  },
});

import { DcmhaError } from '../../core/model/errors.ts';
import { defineCommand } from '../define-command.ts';
import { print } from '../output.ts';
import { sandboxDirectory as dir, stateIn } from './sandbox-state.ts';

export const cut = defineCommand({
  command: 'cut',
  describe: 'drop packets at a host of an isolated sandbox, silently, until sandbox heal',
  options: {
    dir,
    host: { type: 'string', demandOption: true, describe: "the host's address" },
    from: { type: 'string', describe: 'the other end; without it everybody, this machine too' },
    direction: {
      choices: ['both', 'in', 'out'] as const,
      default: 'both' as const,
      describe: 'which packets, as seen from --host',
    },
    loss: { type: 'number', default: 100, describe: 'how many of 100 packets' },
  },
  examples: [
    ['$0 sandbox cut --dir /tmp/try --host 198.18.20.11', 'a host that is gone'],
    [
      '$0 sandbox cut --dir /tmp/try --host 198.18.20.11 --from 198.18.20.1',
      'a primary that does not reach ZooKeeper',
    ],
  ],
  run: async (args) => {
    const { host, from, direction, loss } = args;
    if (!(loss > 0 && loss <= 100))
      throw new DcmhaError('USAGE', `--loss ${loss} is not a number from 1 to 100`);
    const { cutNetwork } = await import('../../sandbox/cut.ts');
    await cutNetwork(await stateIn(args.dir), { host, from, direction, lossPercent: loss });
    const what = { both: 'to and from', in: 'from', out: 'to' }[direction];
    print(
      args.json,
      { host, from, direction, loss },
      () => `${host}: ${loss} % of the packets ${what} ${from ?? 'everybody'} are dropped`,
    );
  },
});

export const heal = defineCommand({
  command: 'heal',
  describe: 'undo every cut, or those made at one host',
  options: { dir, host: { type: 'string', describe: "the host's address" } },
  run: async (args) => {
    const { healNetwork } = await import('../../sandbox/cut.ts');
    await healNetwork(await stateIn(args.dir), args.host);
    print(args.json, { healed: args.host ?? 'all' }, () => `healed: ${args.host ?? 'every host'}`);
  },
});

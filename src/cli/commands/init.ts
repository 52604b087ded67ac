import { initTree } from '../../core/store/init-tree.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { print } from '../output.ts';

export const initCommand = defineCommand({
  command: 'init',
  describe: 'make the tree of this installation in ZooKeeper',
  help: 'Makes the nodes that are not there yet and leaves all others as they are: safe to repeat.',
  options: {},
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const made = await initTree(store);
    print(args.json, { root: context.config.zookeeper.root, made }, () =>
      made.length === 0
        ? 'the tree is there already'
        : `made ${made.length} nodes under ${context.config.zookeeper.root}`,
    );
  },
});

import { formatEndpoint, sameEndpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { changeRoute, pushRouters } from '../../core/perform/routing.ts';
import { readMembers, readRouters } from '../../core/store/inventory.ts';
import { clearLostReplica, clearRejoinMark } from '../../core/store/marks.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { memberId } from '../operator.ts';
import { print } from '../output.ts';

export const sethaCommand = defineCommand({
  command: 'setha',
  describe: 'put a recovered server back on the read list',
  help:
    'Looks at the server first: it must be read-only and replicate from the recorded primary with both threads running. ' +
    'Repeating it does nothing.',
  options: {
    group: { type: 'string', demandOption: true, describe: 'name of the group' },
    host: { type: 'string', demandOption: true, describe: 'the server' },
  },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const id = await memberId(store, args.group, args.host);
    const members = await readMembers(store, args.group, { agentPort: context.config.agent.port });
    const member = members.find((one) => one.id === id);
    const record = await readPrimary(store, args.group);
    const primary = members.find((one) => one.id === record?.id);
    if (member === undefined || primary === undefined) {
      throw new DcmhaError(
        'NOT_FOUND',
        `group ${args.group} has no recorded primary: dcmha add --group ${args.group}`,
      );
    }
    if (member === primary) throw new DcmhaError('USAGE', `${args.host} is the primary of ${args.group}`);
    const above = members.find((one) => one.id === member.from);
    const mysql = await context.mysql();
    const status = await mysql.status(member.endpoint, { timeoutMs: context.config.mysql.queryTimeoutMs });
    const channel = status.channels.find(({ name }) => name === '');
    if (
      channel?.receiver !== 'on' ||
      channel.applier !== 'on' ||
      ![primary, above].some((source) => sameEndpoint(channel.source, source?.endpoint))
    ) {
      const why =
        channel === undefined
          ? 'it is no replica'
          : `receiver ${channel.receiver}, applier ${channel.applier}, source ${formatEndpoint(channel.source)}`;
      throw new DcmhaError('PEER_REFUSED', `${args.host} does not replicate from ${primary.id}: ${why}`);
    }
    const routing = {
      group: args.group,
      routers: await readRouters(store, args.group),
      coordination: store,
      peers: (await context.peers()).caller,
      log: context.log,
      limits: { peerTimeoutMs: context.config.peer.timeoutMs },
    };
    await changeRoute(routing, (route) => ({
      ...route,
      read: [...route.read.filter((at) => !sameEndpoint(at, member.endpoint)), member.endpoint],
    }));
    await clearLostReplica(store, id);
    await clearRejoinMark(store, id);
    void pushRouters(routing);
    print(
      args.json,
      { group: args.group, host: formatEndpoint(member.endpoint) },
      () => `${args.host} is read from again`,
    );
  },
});

import { formatEndpoint, parseEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { formerPromoteWords, promoteRules, promoteSchema } from '../../core/model/promote.ts';
import { readMembers } from '../../core/store/inventory.ts';
import { addGroup, addMember, addRouters } from '../../core/store/inventory-changes.ts';
import type { Coordination } from '../../ports/coordination.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { idOf, memberId } from '../operator.ts';
import { print } from '../output.ts';

const group = { type: 'string', demandOption: true, describe: 'name of the group' } as const;

function parseList(text: string, flag: string): Endpoint[] {
  return text.split(',').map((part) => parseEndpoint(part, flag));
}

export const insertclustermetaCommand = defineCommand({
  command: 'insertclustermeta',
  describe: 'register a group and its servers',
  help: 'Only metadata is written; no server is touched. `add` makes the first primary afterwards.',
  options: {
    group,
    hosts: { type: 'string', demandOption: true, describe: 'servers: host:port,host:port' },
  },
  examples: [['$0 insertclustermeta --group orders --hosts 10.0.0.1:3306,10.0.0.2:3306', '']],
  run: async (args) => {
    const hosts = parseList(args.hosts, '--hosts');
    await using context = new Context(args);
    await addGroup(await context.coordination(), args.group, hosts);
    const document = { group: args.group, hosts: hosts.map(formatEndpoint) };
    print(
      args.json,
      document,
      () => `group ${args.group} has ${hosts.length} servers; next: dcmha addroute, dcmha add`,
    );
  },
});

export const addmetaCommand = defineCommand({
  command: 'addmeta',
  describe: 'register one more server of a group, or change what is known of it',
  options: {
    group,
    host: {
      type: 'string',
      demandOption: true,
      describe: 'server: host:port; of a member, its host alone will do',
    },
    dc: { type: 'string', describe: 'its data centre' },
    priority: { type: 'number', describe: 'higher is preferred as primary (100)' },
    promote: {
      type: 'string',
      choices: [...promoteRules, ...formerPromoteWords] as const,
      describe:
        'may it be the primary; last: only when nobody else can; allow and prefer-not: former words of yes and last',
    },
    from: {
      type: 'string',
      describe: "the member it replicates from instead of the primary ('': the primary again)",
    },
    weight: { type: 'number', describe: 'weight on the read side, 0 to 256' },
    agentPort: {
      type: 'number',
      describe: "control port of its agent, when it is not the configuration's",
    },
  },
  run: async (args) => {
    await using context = new Context(args);
    const { dc, priority, weight, agentPort } = args;
    const promote = args.promote === undefined ? undefined : promoteSchema.parse(args.promote);
    const store = await context.coordination();
    const endpoint = await endpointOf(store, args.group, args.host, context.config.agent.port);
    const from =
      args.from === undefined || args.from === '' ? args.from : await memberId(store, args.group, args.from);
    await addMember(store, args.group, endpoint, {
      dc,
      priority,
      promote,
      weight,
      agentPort,
      from,
    });
    print(
      args.json,
      { group: args.group, host: formatEndpoint(endpoint) },
      () => `${args.host} is in group ${args.group}`,
    );
  },
});

/** A new server is named with its port; a member may be named as everywhere else. */
async function endpointOf(
  store: Coordination,
  group: string,
  text: string,
  agentPort: number,
): Promise<Endpoint> {
  const id = /^[^:]*$/.test(text) ? idOf(text) : undefined;
  const members = id === undefined ? [] : await readMembers(store, group, { agentPort });
  return members.find((member) => member.id === id)?.endpoint ?? parseEndpoint(text, '--host');
}

export const addrouteCommand = defineCommand({
  command: 'addroute',
  describe: 'register the routers that serve a group',
  options: {
    group,
    routers: {
      type: 'string',
      demandOption: true,
      describe: 'control ports of routers: host:port,host:port',
    },
  },
  run: async (args) => {
    const routers = parseList(args.routers, '--routers');
    await using context = new Context(args);
    await addRouters(await context.coordination(), args.group, routers);
    const document = { group: args.group, routers: routers.map(formatEndpoint) };
    print(args.json, document, () => `${args.routers} serve group ${args.group}`);
  },
});

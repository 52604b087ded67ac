import { formatEndpoint } from '../../core/model/endpoint.ts';
import { formatSourceTls, type RegionalLink } from '../../core/regional/link.ts';
import { listRegions, readLinks, readRegion } from '../../core/store/additions.ts';
import { listGroups, readMemberIds } from '../../core/store/inventory.ts';
import { removeChannel, wishChannel, type ChannelWish } from '../addition/channel.ts';
import { forgetRegion, listed, wishRegion } from '../addition/region.ts';
import { lookAt, renderReport, type Asking, type Looking } from '../addition/survey.ts';
import { actionIn, needed } from '../action.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { print, table } from '../output.ts';

interface Args extends Omit<ChannelWish, 'group' | 'region'> {
  readonly group?: string | undefined;
  readonly region?: string | undefined;
  readonly hosts?: string | undefined;
}

export const additionCommand = defineCommand({
  command: 'addition <action>',
  describe: 'channels from other regions: replmeta, regionmeta, list, check, remove',
  help:
    'A group can receive the changes of a server of another region, on a channel of its own (region_REGION) of its primary. The coordinators set ' +
    'it up, take it along when the primary moves, and take another server of the region when its source dies.\n' +
    'regionmeta: which servers a region has. Metadata only.\n' +
    'replmeta: that a group receives from a region. Looks first, and refuses what can never work (a loop, a gap); without --host the ' +
    'coordinators choose one of the healthy at random. Says how to take it back.\n' +
    'check: asks all servers and says what would be done and why not; changes nothing. Exit status 1 when a channel does not work.\n' +
    'list: what is recorded.\n' +
    'remove: with --group, its channel; without, the region, when no group receives from it any more. Nothing that was received is lost.',
  options: {
    group: { type: 'string', describe: 'the group that receives' },
    region: { type: 'string', describe: 'name of the region; also names the channel' },
    hosts: {
      type: 'string',
      describe: 'regionmeta: its servers, as {"10.1.0.1": {"port": 3306, "ssl": 1}} or host:port,host:port',
    },
    host: { type: 'string', describe: 'replmeta: the server to receive from first' },
    port: { type: 'number', describe: 'replmeta: its port (as the region says, else 3306)' },
    ssl: { type: 'boolean', describe: 'replmeta: TLS to it (as the region says, else not)' },
    only: {
      type: 'string',
      describe: "replmeta: tables that are received, such as 'app.%,shop.orders'; '' for all",
    },
    ignore: { type: 'string', describe: "replmeta: tables that are not received; '' for none" },
    accept: {
      type: 'string',
      describe:
        'replmeta: GTIDs of the region that the group has and the region has lost; look at them first',
    },
    dryRun: { type: 'boolean', default: false, describe: 'replmeta: look only' },
  },
  examples: [
    ['$0 addition regionmeta --region eu --hosts 10.1.0.1:3306,10.1.0.2:3306'],
    ['$0 addition replmeta --group orders --region eu --dry-run', 'what would be done'],
    ["$0 addition replmeta --group orders --region eu --ignore 'app.session%'"],
    ['$0 addition check'],
  ],
  run: async (args) => {
    const { action } = args as { readonly action?: string };
    const act = actionIn(actions, action)(args);
    await using context = new Context(args);
    await act({ context, store: await context.coordination() });
  },
});

type Act = (looking: Looking) => Promise<void>;

/** What each does; throws `USAGE` for a flag that it misses, before anybody is connected to. */
const actions: Readonly<Record<string, (args: Args) => Act>> = {
  replmeta: (args) => {
    const [group, region] = [needed(args.group, '--group'), needed(args.region, '--region')];
    if (args.port !== undefined || args.ssl !== undefined)
      needed(args.host, '--host', ': --port and --ssl belong to it');
    return async (looking) => wishChannel({ ...args, group, region }, await asking(looking));
  },
  regionmeta: (args) => {
    const [region, hosts] = [needed(args.region, '--region'), needed(args.hosts, '--hosts')];
    return (looking) => wishRegion({ region, hosts, json: args.json }, looking);
  },
  list: (args) => (looking) => list(args, looking),
  check: (args) => (looking) => check(args, looking),
  remove: (args) => {
    const { group, json } = args;
    const region = needed(args.region, '--region');
    return group === undefined
      ? (looking) => forgetRegion({ region, json }, looking)
      : (looking) => removeChannel({ group, region, json }, looking);
  },
};

async function wantedLinks({ group, region }: Args, { store }: Looking): Promise<readonly RegionalLink[]> {
  if (group !== undefined) await readMemberIds(store, group);
  const groups = group === undefined ? await listGroups(store) : [group];
  const links = (await Promise.all(groups.map((one) => readLinks(store, one)))).flat();
  return links.filter((link) => region === undefined || link.region === region);
}

async function list(args: Args, looking: Looking): Promise<void> {
  const { store } = looking;
  const links = await wantedLinks(args, looking);
  const names = (await listRegions(store)).filter(
    (name) => args.region === undefined || name === args.region,
  );
  const regions = await Promise.all(
    names.map(async (region) => ({ region, servers: (await readRegion(store, region)) ?? [] })),
  );
  print(args.json, { channels: links, regions }, () =>
    [
      ...regions.map(({ region, servers }) => `region ${region}: ${listed(servers)}`),
      table(['group', 'region', 'source', 'only', 'ignore'], links.map(linkRow)),
    ].join('\n'),
  );
}

function linkRow({ group, region, source, only, ignore }: RegionalLink): readonly string[] {
  const from =
    source === undefined ? 'to be chosen' : `${formatEndpoint(source.endpoint)}${formatSourceTls(source)}`;
  return [group, region, from, only.join(',') || 'all', ignore.join(',') || 'none'];
}

async function asking({ context, store }: Looking): Promise<Asking> {
  return { context, store, mysql: await context.mysql(), regional: await context.regional() };
}

async function check(args: Args, looking: Looking): Promise<void> {
  const links = await wantedLinks(args, looking);
  const means = await asking(looking);
  const reports = await Promise.all(links.map((link) => lookAt(link, means)));
  print(args.json, { channels: reports }, () =>
    reports.length === 0 ? 'no group receives from another region' : reports.map(renderReport).join('\n'),
  );
  if (reports.some(({ verdict }) => verdict !== 'works')) process.exitCode = 1;
}

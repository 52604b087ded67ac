import { toDcmhaError } from '../model/errors.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { readLinks } from '../store/additions.ts';
import { memberOf, type PerformContext } from './context.ts';
import { dropRegionalChannels, placeChannel, whyNoSource, type ChannelContext } from './regional-channels.ts';

type ChannelsStep = Extract<Step, { kind: 'channels' }>;

/** All regions at once; one that cannot be had is told of, and tried again by the coordinator that looks after the group. */
export async function moveChannels(step: ChannelsStep, context: PerformContext): Promise<Outcome> {
  const { coordination, group, log, regional } = context;
  const receiver = memberOf(context, step.to);
  if (regional === undefined) return { kind: 'channels', placed: [], failed: [] };
  try {
    const links = await readLinks(coordination, group);
    if (links.length === 0) return { kind: 'channels', placed: [], failed: [] };
    await dropFrom(step, context);
    const results = await Promise.all(
      links.map(async (link) => ({
        region: link.region,
        why: await placeOne(link, { receiver }, { ...context, regional }),
      })),
    );
    const failed = results.flatMap(({ region, why }) => (why === undefined ? [] : [{ region, why }]));
    if (failed.length > 0) log.warn('regional channels not moved yet', { group, failed });
    return {
      kind: 'channels',
      placed: results.filter(({ why }) => why === undefined).map(({ region }) => region),
      failed,
    };
  } catch (thrown) {
    const why = toDcmhaError(thrown).message;
    log.warn('regional channels not moved yet', { group, why });
    return { kind: 'channels', placed: [], failed: [{ region: '', why }] };
  }
}

/** Why not; undefined when it is in place. */
async function placeOne(
  link: Parameters<typeof placeChannel>[0],
  move: Parameters<typeof placeChannel>[1],
  context: ChannelContext,
): Promise<string | undefined> {
  try {
    const placement = await placeChannel(link, move, context);
    return placement.kind === 'placed' ? undefined : whyNoSource(link.region, placement.rejected);
  } catch (thrown) {
    return toDcmhaError(thrown).message;
  }
}

/** A former primary that does not answer has its own agent do it when it returns. */
async function dropFrom({ from }: ChannelsStep, context: PerformContext): Promise<void> {
  const { mysql, limits, log, signal } = context;
  try {
    const options = { mysql, timeoutMs: limits.silentMs, signal };
    await dropRegionalChannels(memberOf(context, from).endpoint, [], options);
  } catch (thrown) {
    log.info('the former primary keeps its regional channels until its agent returns', {
      host: from,
      error: toDcmhaError(thrown).message,
    });
  }
}

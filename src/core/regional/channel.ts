import { DcmhaError } from '../model/errors.ts';

/** Channels of this prefix are ours to make, move and remove; a channel of any other name is somebody else's. */
const PREFIX = 'region_';

/** MySQL gives a channel's name 64 characters, and does not tell upper from lower case in it. */
const REGION = /^[a-z0-9][a-z0-9_.-]{0,56}$/i;

/** The name of the channel that receives from a region. */
export function regionalChannel(region: string): string {
  return `${PREFIX}${region}`;
}

/** The region that a channel receives from; undefined for any other channel. */
export function regionOfChannel(channel: string): string | undefined {
  return channel.startsWith(PREFIX) ? channel.slice(PREFIX.length) : undefined;
}

export function isRegional(channel: string): boolean {
  return channel.startsWith(PREFIX);
}

/** Throws `USAGE` for what cannot name a region, or would name the same channel as one of `others`. */
export function checkRegionName(region: string, others: readonly string[]): void {
  if (!REGION.test(region)) {
    const text = `${JSON.stringify(region)} cannot name a region: up to 57 letters, digits, '_', '.', '-', beginning with a letter or digit`;
    throw new DcmhaError('USAGE', text, { details: { region } });
  }
  const alike = others.find((other) => other !== region && other.toLowerCase() === region.toLowerCase());
  if (alike === undefined) return;
  throw new DcmhaError('USAGE', `region ${region} would share its channel with region ${alike}`, {
    details: { region, alike },
  });
}

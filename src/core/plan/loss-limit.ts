import { parseGtidSet } from '../gtid/gtid-set.ts';
import { lossSpan } from '../model/trail.ts';
import type { FailoverPlan } from './plan.ts';

/**
 * Why a failover may not go on with what is known to be lost; undefined when it may. Another data centre may have limits of its own, in
 * transactions and in time; what an operator has approved, knowing the number, is allowed.
 */
export function whyTooMuchIsLost(
  { inputs, approval }: FailoverPlan,
  loss: Loss,
  { away }: { readonly away: boolean },
): string | undefined {
  if (loss.count <= BigInt(approval?.lost ?? 0)) return undefined;
  const lost = `${loss.count.toString()} transactions of ${inputs.oldPrimary} would be lost (${loss.missing})`;
  return away ? whyTooMuchAway(inputs, loss, lost) : whyTooMany(inputs.maxLoss, loss, lost);
}

interface Loss {
  readonly missing: string;
  readonly count: bigint;
}

function whyTooMany(allowed: number, { count }: Loss, lost: string): string | undefined {
  return count > BigInt(allowed) ? `${lost}; allowed: ${allowed}` : undefined;
}

function whyTooMuchAway(inputs: FailoverPlan['inputs'], loss: Loss, lost: string): string | undefined {
  const { crossDcMaxLoss = inputs.maxLoss, crossDcMaxLossMs = Infinity } = inputs.rules ?? {};
  const tooMany = whyTooMany(crossDcMaxLoss, loss, `${lost} towards another data centre`);
  if (tooMany !== undefined || crossDcMaxLossMs === Infinity) return tooMany;
  const spanMs = spanOf(inputs, loss.missing);
  if (spanMs !== undefined && spanMs <= crossDcMaxLossMs) return undefined;
  const span = spanMs === undefined ? 'for how long is not known' : `of the last ${spanMs} ms`;
  return `${lost} towards another data centre, ${span}; allowed: ${crossDcMaxLossMs} ms`;
}

function spanOf({ watermark, watermarkAt, trail, since }: FailoverPlan['inputs'], missing: string) {
  if (watermarkAt === undefined) return undefined;
  const known = { executed: parseGtidSet(watermark), at: watermarkAt, trail: trail ?? [] };
  return lossSpan(parseGtidSet(missing), known, since);
}

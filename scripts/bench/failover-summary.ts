import { cpus, loadavg } from 'node:os';
import type { FailoverRun } from '../../src/sandbox/failover-run.ts';
import { mysqlVersion } from '../../src/sandbox/project.ts';
import type { PeerSettings } from './peer/group.ts';
import type { PeerRun } from './peer/run.ts';

interface Row {
  readonly name: string;
  readonly values: readonly number[];
}

const OUTAGE = 'write outage';

const peerNames: Readonly<Record<PeerSettings, string>> = {
  defaults: 'Group Replication, as it comes',
  fast: 'Group Replication, expel timeout 0',
};

export function describeRun(
  n: number,
  { outage, timeline, rows: { acknowledged, lost } }: FailoverRun,
): string {
  const moments = timeline.map(({ name, afterMs }) => `${name} ${afterMs.toFixed(0)}`).join(', ');
  return `${n}: outage ${outage?.ms.toFixed(0) ?? '-'} ms; ${moments}; rows ${acknowledged}, lost ${lost.length}; load ${load()}`;
}

export function describePeerRun(
  n: number,
  { settings, outage, rows: { acknowledged, lost } }: PeerRun,
): string {
  return `${n}: ${peerNames[settings]}: outage ${outage?.ms.toFixed(0) ?? '-'} ms; rows ${acknowledged}, lost ${lost.length}; load ${load()}`;
}

const load = () => loadavg()[0]?.toFixed(1) ?? '-';

export function summarize(all: readonly FailoverRun[], peers: readonly PeerRun[]): readonly Row[] {
  const moments = [...new Set(all.flatMap(({ timeline }) => timeline.map(({ name }) => name)))];
  const afterKill = all.map(({ outage, killedAt }) => (outage === undefined ? 0 : outage.to - killedAt));
  const settings = [...new Set(peers.map((run) => run.settings))];
  return [
    { name: OUTAGE, values: all.map(({ outage }) => outage?.ms ?? 0) },
    { name: 'kill to first row', values: afterKill },
    ...moments.map((name) => ({
      name,
      values: all.flatMap(({ timeline }) =>
        timeline.filter((moment) => moment.name === name).map(({ afterMs }) => afterMs),
      ),
    })),
    ...settings.map((kind) => ({
      name: peerNames[kind],
      values: peers.filter((run) => run.settings === kind).map(({ outage }) => outage?.ms ?? 0),
    })),
  ];
}

export function renderSummary(rows: readonly Row[], { what, lost }: { what: string; lost: number }): string {
  const ms = (value: number) => value.toFixed(0).padStart(8);
  const ours = median(rows.find(({ name }) => name === OUTAGE)?.values ?? []);
  const measured = rows.filter(({ values }) => values.length > 0);
  const lines = measured.map(({ name, values }) => {
    const middle = median(values);
    const isPeer = Object.values(peerNames).includes(name) && !Number.isNaN(ours);
    const times = isPeer ? `  ${(middle / ours).toFixed(1)} times ours` : '';
    return `${name.padEnd(36)}${String(values.length).padStart(5)}${ms(Math.min(...values))}${ms(middle)}${ms(Math.max(...values))}${times}`;
  });
  return [
    '',
    `${what}, MySQL ${mysqlVersion()}, ${cpus().length} cores, load ${load()} at the end; ms`,
    `${''.padEnd(36)} runs     min  median     max`,
    ...lines,
    `acknowledged rows lost: ${lost}`,
    '',
  ].join('\n');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? NaN;
  const high = sorted[Math.floor(middle)] ?? NaN;
  return (low + high) / 2;
}

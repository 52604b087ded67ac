import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { PROJECT } from '../../src/sandbox/project.ts';
import { figureOf, type Figure } from './figure.ts';

const WORKER = path.join(PROJECT, 'dist/sandbox/binlog-speed.js');
const MYSQLBINLOG = path.join(PROJECT, '.sandbox/mysql/bin/mysqlbinlog');
const DECODE =
  'TIMEFORMAT="%R %U %S"; time "$0" --no-defaults -v --base64-output=decode-rows "$1" > /dev/null';
const run = promisify(execFile);

interface Passed {
  readonly ms: number;
  readonly cpuMs: number;
  readonly transactions: number;
}

/** MB of a file indexed in a second, every checksum verified, the file in the page cache. */
export async function indexFigure(
  name: string,
  file: string,
  { runs, target }: { readonly runs: number; readonly target?: number },
): Promise<Figure> {
  const { size } = await stat(file);
  const passes: Passed[] = [];
  for (let n = 0; n < runs; n++) passes.push(await ours('index', file));
  const cpu = Math.min(...passes.map(({ cpuMs }) => cpuMs));
  const detail = `${(size / 1e6).toFixed(1)} MB, ${passes[0]?.transactions ?? 0} transactions, ${cpu.toFixed(0)} ms of CPU`;
  return figureOf(
    passes.map(({ ms }) => size / 1000 / ms),
    { name, unit: 'MB/s', target, detail },
  );
}

/** Our speed over that of `mysqlbinlog -v` with the same file, turn about, both to /dev/null. */
export async function decodeFigure(
  file: string,
  { runs, target }: { readonly runs: number; readonly target: number },
): Promise<Figure> {
  const { size } = await stat(file);
  const mine: Passed[] = [];
  const its: Passed[] = [];
  for (let n = 0; n < runs; n++) {
    mine.push(await ours('decode', file));
    its.push(await theirs(file));
  }
  const speed = (passes: readonly Passed[]): string => (size / 1000 / least(passes, 'ms')).toFixed(0);
  const cpu = least(its, 'cpuMs') / least(mine, 'cpuMs');
  const detail = `at best ${speed(mine)} MB/s over ${speed(its)} MB/s; by CPU time ${cpu.toFixed(2)} x`;
  return figureOf(
    mine.map(({ ms }, n) => (its[n]?.ms ?? 0) / ms),
    { name: 'decode to text over mysqlbinlog -v', unit: 'x', target, detail },
  );
}

function least(passes: readonly Passed[], key: 'ms' | 'cpuMs'): number {
  return Math.min(...passes.map((pass) => pass[key]));
}

async function ours(what: 'index' | 'decode', file: string): Promise<Passed> {
  const { stdout } = await run(process.execPath, [WORKER, what, file]);
  return JSON.parse(stdout) as Passed;
}

async function theirs(file: string): Promise<Passed> {
  const { stderr } = await run('/bin/bash', ['-c', DECODE, MYSQLBINLOG, file], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  const [real = 0, user = 0, system = 0] = stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return { ms: real * 1000, cpuMs: (user + system) * 1000, transactions: 0 };
}

// npm run bench:binlog [-- --runs 5 --json]: how fast binlog files are indexed and decoded, and how fast rows are taken back and the tail of
// a dead primary is carried over, each figure a ratio of one run on one machine. The files are written by the MySQL of `make setup`: 110 MB
// of rows in few transactions, tens of thousands of small transactions, and 100 000 rows of each kind.
import { rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { agentCatchUpFigure } from './agent-catch-up.ts';
import { decodeFigure, indexFigure } from './binlog-speed.ts';
import { recordWorkload } from './binlog-workload.ts';
import { catchUpFigure, outageFigure } from './catch-up.ts';
import { renderFigure, type Figure } from './figure.ts';
import { rollbackFigures } from './rollback.ts';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  process.stderr.write('usage: npm run bench:binlog -- [--runs 5] [--json]\n');
  process.exit(64);
}

const dir = makeScratch();
try {
  const workload = await recordWorkload(dir);
  const figures: Figure[] = [
    await indexFigure('GTID index, checksums verified, rows', workload.rows, { runs, target: 600 }),
    await indexFigure('GTID index, checksums verified, small transactions', workload.small, { runs }),
    await decodeFigure(workload.rows, { runs, target: 0.5 }),
    ...(await rollbackFigures({ dir, runs })),
    await outageFigure({ dir, runs }),
    await agentCatchUpFigure({ dir, runs }),
    // One run of it takes minutes.
    await catchUpFigure({ dir, runs: Math.min(runs, 2), transactions: 20_000 }),
  ];
  if (values.json)
    process.stdout.write(`${JSON.stringify({ cpus: cpus().length, runs, figures }, null, 2)}\n`);
  else for (const figure of figures) process.stdout.write(`${renderFigure(figure)}\n`);
  process.exitCode = figures.every(({ isMet }) => isMet) ? 0 : 1;
} finally {
  await rm(dir, { recursive: true, force: true });
}

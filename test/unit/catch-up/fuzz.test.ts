import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadZstd } from '../../../src/adapters/system/zstd.ts';
import { checksumSize } from '../../../src/core/binlog/format-description.ts';
import { surveyTail } from '../../../src/core/catch-up/survey-tail.ts';
import { EMPTY_GTID_SET, GtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { judgeErrant } from '../../../src/core/rejoin/judge.ts';
import { surveyErrant, type ErrantSurvey } from '../../../src/core/rejoin/survey-errant.ts';
import { invertTransactions, type InversionFacts } from '../../../src/core/salvage/invert.ts';
import { binlogStatement } from '../../../src/core/salvage/inverse-events.ts';
import { EventReader } from '../../../src/core/salvage/read-places.ts';
import { EventFramer } from '../../../src/core/wire/event-framer.ts';
import { TransactionStream } from '../../../src/core/wire/transaction-stream.ts';
import type { BinlogSource } from '../../../src/ports/binlog-source.ts';
import { readFixture, scan } from '../../support/binlog.ts';
import { memoryFiles } from '../../support/memory-binlog.ts';
import { cutFixture, mutateFile } from '../../support/mutate-files.ts';
import { Random } from '../../support/random.ts';

// DCMHA_FUZZ_FILES=200000 DCMHA_FUZZ_SEED=1 npm test -- --timeout-s 3600 test/unit/catch-up/fuzz.test.ts
const ROUNDS = Number(process.env['DCMHA_FUZZ_FILES'] ?? 2000);
const SEED = Number(process.env['DCMHA_FUZZ_SEED'] ?? 20_261_123);
const FILES = ['transactions.000001', 'rows.000002', 'statements.000001', 'nochecksum.000001', 'rows.000001'];

const decompress = await loadZstd();

/** What a failover does with the binlog of a dead primary. How many transactions there are to carry over. */
async function catchUp(source: BinlogSource, have: GtidSet): Promise<number> {
  const survey = await surveyTail(source, { have });
  if (survey.kind === 'gap') return 0;
  const { tail } = survey;
  for (const { name, head, start, end } of tail.files) {
    const framer = new EventFramer(1);
    const addsChecksum = checksumSize(head.format) === 0;
    const isWanted = tail.missing.has.bind(tail.missing);
    const stream = new TransactionStream(framer, { file: name, start, isWanted, addsChecksum });
    await using file = await source.open(name);
    for await (const chunk of file.read(start, end)) {
      stream.push(chunk);
      framer.take();
    }
  }
  return tail.transactions;
}

/** What a returned primary does with its own. How many rows the statements that undo them have. */
async function takeBack(source: BinlogSource, errant: GtidSet): Promise<number> {
  const found = await surveyErrant(source, errant, decompress);
  const verdict = judgeErrant(
    // What is not in the file, or not the end of it, is refused before anything is inverted.
    { ...found, missing: EMPTY_GTID_SET, behind: undefined },
    { facts: factsOf(found), engineWithout: () => undefined },
  );
  if (verdict.kind === 'not-invertible') return 0;
  await using reader = new EventReader(source, decompress);
  let rows = 0;
  for await (const chunk of invertTransactions(verdict.undo, reader.read, 4096)) {
    rows += binlogStatement(chunk.events).length > 0 ? chunk.rows : 0;
  }
  return rows;
}

/** Tables are as the log has them. */
function factsOf({ surveys }: ErrantSurvey): InversionFacts {
  const counts = new Map<string, number>();
  for (const { rows } of surveys) {
    for (const { table } of rows) {
      const { schema, table: name, columns } = table.format.table;
      counts.set(`${schema}\0${name}`, columns.length);
    }
  }
  return {
    table: (schema, table) => {
      const columns = counts.get(`${schema}\0${table}`);
      return columns === undefined ? undefined : { columns, hasKey: true, isCascadeParent: false };
    },
  };
}

test(`${ROUNDS} changed files are carried over, taken back, or refused with a code`, async (context) => {
  const random = new Random(SEED);
  const files = FILES.map((name) => {
    const gtids = scan(readFixture(name)).transactions.flatMap(({ gtid }) => (gtid ? [gtid] : []));
    return { cut: cutFixture(name), gtids };
  });
  const seen = { carried: 0, undone: 0, refused: 0 };
  let most = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { cut, gtids } = random.pick(files);
    const bytes = mutateFile(random, cut);
    const source = memoryFiles({ [cut.name]: bytes }, random.pick([100, 700, 65_536]));
    const first = random.int(0, gtids.length - 1);
    const known = GtidSet.fromGtids(gtids.slice(0, first));
    const errant = GtidSet.fromGtids(gtids.slice(first, first + random.int(1, 3)));
    for (const use of [
      async () => (seen.carried += await catchUp(source, random.chance(0.5) ? known : EMPTY_GTID_SET)),
      async () => (seen.undone += await takeBack(source, errant)),
    ]) {
      try {
        await use();
      } catch (error) {
        const isCoded = hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED', 'GTID_MALFORMED');
        const where = `seed ${SEED}, round ${round}, ${cut.name}`;
        assert.ok(isCoded, `${where}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
        seen.refused++;
      }
    }
    if (round % 64 === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  context.diagnostic(`${JSON.stringify(seen)}, ${Math.round(most / 1e6)} MB resident at most`);
  assert.ok(Math.min(seen.carried, seen.undone, seen.refused) > ROUNDS / 10, JSON.stringify(seen));
  assert.ok(most < 300e6, `${most} bytes resident`);
});

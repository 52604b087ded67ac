import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { z } from 'zod';
import { EventType } from '../../../src/core/binlog/event-types.ts';
import { parseFormatDescription } from '../../../src/core/binlog/format-description.ts';
import { parseRows, rowChanges, type RowImage } from '../../../src/core/binlog/rows.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { inverseFormat } from '../../../src/core/salvage/inverse-events.ts';
import { invertRows } from '../../../src/core/salvage/inverse-rows.ts';
import { invertTransactions } from '../../../src/core/salvage/invert.ts';
import { SqlRenderer } from '../../../src/core/salvage/render.ts';
import type { RowsEntry, Survey } from '../../../src/core/salvage/survey-model.ts';
import { corpusFiles } from '../../support/corpus-files.ts';
import { readCorpus, readCorpusJson, withoutCorpus } from '../../support/corpus.ts';
import { surveyFile, type SurveyedFile } from '../../support/surveys.ts';

const manifest = z.array(z.object({ file: z.string(), feat: z.string() }));

/** Rows that the corpus' makers counted with mysqlbinlog: inserts, updates, deletes. It loses count at geometry. */
function countedRows(): ReadonlyMap<string, string> {
  const entries = withoutCorpus === false ? manifest.parse(readCorpusJson('manifest.json')) : [];
  const plain = entries.filter(({ feat }) => !feat.includes('geometry'));
  return new Map(plain.map(({ file, feat }) => [file, /I\/U\/D=([\d/]+)/.exec(feat)?.[1] ?? '0/0/0']));
}

async function survey(file: string): Promise<SurveyedFile | undefined> {
  try {
    return await surveyFile(file, readCorpus(file));
  } catch (error) {
    // Files that contradict themselves or that MySQL did not write are refused as a whole; other tests say which.
    assert.ok(hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED'), String(error));
    return undefined;
  }
}

function totals(surveys: readonly Survey[]): string {
  const sum = { inserts: 0, updates: 0, deletes: 0 };
  for (const { tables } of surveys) {
    for (const changes of tables.values()) {
      sum.inserts += changes.inserts;
      sum.updates += changes.updates;
      sum.deletes += changes.deletes;
    }
  }
  return `${sum.inserts}/${sum.updates}/${sum.deletes}`;
}

/** Undoing what undoes is the event itself, row by row, where the images are whole. */
function assertInvolution(entry: RowsEntry, body: Buffer): void {
  const { format } = entry.table;
  const rows = parseRows(entry, body, entry.format);
  const whole = rows.before?.complete !== false && rows.after?.complete !== false;
  if (!whole || rows.type === EventType.PartialUpdateRows) return;
  const bytes = (image: RowImage | undefined): Buffer[] =>
    image === undefined ? [] : [body.subarray(image.start, image.end)];
  const original = [...rowChanges(rows, format)].flatMap(({ before, after }) => [
    ...bytes(before),
    ...bytes(after),
  ]);
  const inverse = invertRows(entry, body);
  const images = inverse.spans.flatMap((start, i) =>
    i % 2 === 0 ? [inverse.body.subarray(start, inverse.spans[i + 1])] : [],
  );
  const back = images.toReversed();
  assert.deepEqual(back, original);
}

describe('every file of the corpus is surveyed', { skip: withoutCorpus }, () => {
  const counted = countedRows();
  let refused = 0;
  for (const file of corpusFiles()) {
    test(file, async () => {
      const found = await survey(file);
      if (found === undefined) {
        refused++;
        return;
      }
      const { surveys, bodies, end, format } = found;
      const expectedTotals = counted.get(file);
      if (end.torn === undefined && expectedTotals !== undefined)
        assert.equal(totals(surveys), expectedTotals);
      const read = (one: Survey, entry: RowsEntry): Promise<Buffer> => bodies.read(one, entry);
      for (const one of surveys) {
        for (const entry of one.rows) assertInvolution(entry, await bodies.read(one, entry));
        for (const direction of ['forward', 'inverse'] as const) {
          for await (const text of new SqlRenderer((...event) => bodies.read(...event), { direction }).render(
            one,
          )) {
            assert.ok(text.length > 0);
          }
        }
      }
      const undo = surveys.filter(({ obstacle }) => obstacle === undefined).reverse();
      let rows = 0;
      for await (const chunk of invertTransactions(undo, read, 10_000)) rows += chunk.rows;
      const expected = undo.flatMap((one) => one.rows).reduce((sum, entry) => sum + entry.rows, 0);
      assert.equal(rows, expected);
      if (format !== undefined) assert.equal(parseFormatDescription(inverseFormat(format)).checksum, 'none');
    });
  }

  test('few are refused', () => {
    assert.ok(refused <= 10, `${refused} files`);
  });
});

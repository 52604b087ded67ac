import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { hasCode } from '../../../src/core/model/errors.ts';
import {
  parseSalvageRecord,
  printSalvageRecord,
  recordTransaction,
} from '../../../src/core/salvage/record.ts';
import { readCorpus, withoutCorpus } from '../../support/corpus.ts';
import { surveyFile } from '../../support/surveys.ts';

describe('the index of what was saved', { skip: withoutCorpus }, () => {
  test('reads back as it was written, with rows, places and reasons', async () => {
    const file = 'mtr97/binlog_gtid.binlog_gtid_mysqlbinlog_row-row.d.1.binlog.000001';
    const { surveys } = await surveyFile(file, readCorpus(file));
    const transactions = surveys.map((survey) =>
      recordTransaction(
        survey,
        survey.obstacle === undefined
          ? { kind: 'invertible' }
          : { kind: 'not-invertible', ...survey.obstacle },
      ),
    );
    const record = {
      version: 1 as const,
      savedAt: '2024-01-02T03:04:05.000Z',
      group: 'g',
      host: 'h',
      gtids: 'u:1-5',
      transactions,
    };
    assert.deepEqual(parseSalvageRecord(printSalvageRecord(record), 'index.json'), record);
    assert.ok(transactions.some(({ rows, invertible }) => rows > 0 && invertible));
    assert.ok(transactions.some(({ reason }) => reason === 'statement'));
  });
});

describe('an index that is damaged', () => {
  for (const text of ['', '{', '[]', '{"version": 2}', '{"version": 1, "transactions": [{}]}']) {
    test(`${JSON.stringify(text)} is refused with the file's name`, () => {
      assert.throws(
        () => parseSalvageRecord(text, 'some/index.json'),
        (error) => hasCode(error, 'BINLOG_CORRUPT') && error.message.includes('some/index.json'),
      );
    });
  }
});

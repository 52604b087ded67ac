import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { loadZstd } from '../../../src/adapters/system/zstd.ts';
import { BinlogReader } from '../../../src/core/binlog/binlog-reader.ts';
import { EventType, isRowsEventType } from '../../../src/core/binlog/event-types.ts';
import { rowFormat } from '../../../src/core/binlog/row-format.ts';
import { countRows, parseRows, rowChanges } from '../../../src/core/binlog/rows.ts';
import { rowsPrinter, writeRowsText, type RowsPrinter } from '../../../src/core/binlog/rows-text.ts';
import { parseTableMap } from '../../../src/core/binlog/table-map.ts';
import { TextBuffer } from '../../../src/core/binlog/text.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { corpusFiles } from '../../support/corpus-files.ts';
import { readCorpus, withoutCorpus } from '../../support/corpus.ts';

/** What mysqlbinlog refuses, too. */
const refused = new Set([
  'real/mariadb/1f65aedd-master-bin-seq_10.3.36.000001',
  'real/damaged/8e145474-rpl_nogtid_encryption_master-bin.000002',
]);

/** Made by hand to contradict themselves; mysqlbinlog does not look at transactions. */
const isContradictory = (file: string): boolean => /orphan|malformed_xid|duplicate_xid\./.test(file);

interface Event {
  readonly lines: readonly string[];
  readonly hasGeometry: boolean;
}

/** The rows of a file, an entry an event; a file is read as far as it is sound. */
function readRows(reader: BinlogReader, bytes: Buffer, events: Event[]): void {
  const printers = new Map<number, RowsPrinter>();
  for (const { event, format } of reader.push(bytes)) {
    if (event.header.type === EventType.TableMap) {
      const table = parseTableMap(event.body, format);
      printers.set(table.tableId, rowsPrinter(rowFormat(table)));
    }
    if (!isRowsEventType(event.header.type)) continue;
    const rows = parseRows(event.header, event.body, format);
    const printer = printers.get(rows.tableId);
    if (printer === undefined) continue;
    const out = new TextBuffer();
    writeRowsText(out, printer, rows);
    const lines = rowLines(out.view().toString('latin1'));
    const hasGeometry = printer.format.kinds.some(({ kind }) => kind === 'geometry');
    events.push({ lines, hasGeometry });
    assert.equal(
      countRows(rows, printer.format),
      Math.max([...rowChanges(rows, printer.format)].length, rows.kind === 'insert' ? 1 : 0),
    );
  }
}

function rowLines(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('###'));
}

describe('rows of the corpus are printed as mysqlbinlog prints them', { skip: withoutCorpus }, () => {
  for (const file of corpusFiles()) {
    test(file, async () => {
      const reader = new BinlogReader({ file, decompress: await loadZstd() });
      if (refused.has(file)) {
        assert.throws(
          () => readRows(reader, readCorpus(file), []),
          (error) => hasCode(error, 'BINLOG_UNSUPPORTED'),
        );
        return;
      }
      const events: Event[] = [];
      const read = (): void => readRows(reader, readCorpus(file), events);
      if (isContradictory(file)) assert.throws(read, (error) => hasCode(error, 'BINLOG_CORRUPT'));
      else read();
      const expected = rowLines(
        readCorpus(`expected/${file.replace(/\.gz$/, '')}.txt.gz`).toString('latin1'),
      );
      let at = 0;
      for (const { lines, hasGeometry } of events) {
        const theirs = expected.slice(at, at + lines.length);
        // mysqlbinlog does not know the type, and with it gives up the rest of the event.
        const givenUp = hasGeometry ? theirs.findIndex((line) => line.includes('=!! Don')) : -1;
        const compared = givenUp < 0 ? lines.length : givenUp;
        assert.deepEqual(lines.slice(0, compared), theirs.slice(0, compared));
        at += givenUp < 0 ? lines.length : givenUp + 1;
      }
      if (!isContradictory(file)) assert.deepEqual(expected.slice(at), []);
    });
  }
});

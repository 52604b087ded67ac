// What scripts/bench/binlog.ts measures, as a program of its own, so that it is the built code that is timed: node binlog-speed.js WHAT FILE.
import { closeSync, openSync, writeSync } from 'node:fs';
import { openBinlogFile } from '../adapters/fs/binlog-files.ts';
import { loadZstd } from '../adapters/system/zstd.ts';
import { BinlogReader, type ReadEvent } from '../core/binlog/binlog-reader.ts';
import { EventType, isRowsEventType } from '../core/binlog/event-types.ts';
import { rowFormat } from '../core/binlog/row-format.ts';
import { parseRows } from '../core/binlog/rows.ts';
import { rowsPrinter, writeRowsText, type RowsPrinter } from '../core/binlog/rows-text.ts';
import { parseTableMap } from '../core/binlog/table-map.ts';
import { TextBuffer } from '../core/binlog/text.ts';
import { indexBinlogFile } from '../core/binlog/transaction-index.ts';

const FLUSH_BYTES = 256 * 1024;
const PASSES = 3;

/** Returns the number of transactions. */
async function index(file: string): Promise<number> {
  await using bytes = await openBinlogFile(file);
  return (await indexBinlogFile(bytes.read(0), { file })).transactions.length;
}

/** The `###` lines of all rows that `mysqlbinlog -v` prints, to nowhere. Returns the number of transactions. */
async function decode(file: string): Promise<number> {
  await using bytes = await openBinlogFile(file);
  const reader = new BinlogReader({ file, decompress: await loadZstd() });
  const printer = new Printer();
  let transactions = 0;
  for await (const chunk of bytes.read(0)) {
    for (const event of reader.push(chunk)) {
      printer.print(event);
      if (event.grouped.kind === 'last') transactions++;
    }
  }
  printer.close();
  return transactions;
}

class Printer {
  readonly #sink = openSync('/dev/null', 'w');
  readonly #out = new TextBuffer(2 * FLUSH_BYTES);
  readonly #tables = new Map<number, RowsPrinter>();

  print({ event, format }: ReadEvent): void {
    if (event.header.type === EventType.TableMap) {
      const table = parseTableMap(event.body, format);
      this.#tables.set(table.tableId, rowsPrinter(rowFormat(table)));
    }
    if (!isRowsEventType(event.header.type)) return;
    const rows = parseRows(event.header, event.body, format);
    const table = this.#tables.get(rows.tableId);
    if (table !== undefined) writeRowsText(this.#out, table, rows);
    if (this.#out.length < FLUSH_BYTES) return;
    writeSync(this.#sink, this.#out.view());
    this.#out.truncate(0);
  }

  close(): void {
    closeSync(this.#sink);
  }
}

const [, , what, file = ''] = process.argv;
const work = what === 'decode' ? decode : index;
// The passes before the last one are for the compiler to warm up.
for (let pass = 1; pass <= PASSES; pass++) {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const transactions = await work(file);
  const { user, system } = process.cpuUsage(cpu);
  const passed = { ms: performance.now() - begun, cpuMs: (user + system) / 1000, transactions };
  if (pass === PASSES) process.stdout.write(`${JSON.stringify(passed)}\n`);
}

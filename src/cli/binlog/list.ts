import type { FileEnd } from '../../core/binlog/file-scanner.ts';
import { writeOut } from '../stdout.ts';
import { describeTransaction, transactionLine } from './describe.ts';
import { surveyFile, type BinlogTools, type Selection, type SurveyedFile } from './survey-files.ts';

export interface ListRequest {
  readonly files: readonly string[];
  readonly selection: Selection;
  readonly json: boolean;
}

/** Prints the transactions of files as it goes: a line each, or one JSON document of all. */
export async function listTransactions(tools: BinlogTools, request: ListRequest): Promise<void> {
  await (request.json ? listAsJson(tools, request) : listAsText(tools, request));
}

async function listAsText(tools: BinlogTools, { files, selection }: ListRequest): Promise<void> {
  for (const file of files) {
    let [transactions, bytes] = [0, 0];
    const surveyed = await surveyFile(tools, file, selection, async (survey) => {
      const document = describeTransaction(survey);
      transactions++;
      bytes += document.bytes;
      await writeOut(`${transactionLine(document)}\n`);
    });
    await writeOut(
      `${file}: ${transactions} transactions, ${bytes} bytes, MySQL ${surveyed.serverVersion}\n`,
    );
    warnOfTear(surveyed);
  }
}

/** Written piece by piece, since a log may hold millions of transactions. */
async function listAsJson(tools: BinlogTools, { files, selection }: ListRequest): Promise<void> {
  await writeOut('{"files":[');
  for (const [index, file] of files.entries()) {
    let separator = '\n  ';
    await writeOut(`${index === 0 ? '' : ','}\n {"file":${JSON.stringify(file)},"transactions":[`);
    const { serverVersion, previousGtids, end } = await surveyFile(tools, file, selection, async (survey) => {
      await writeOut(`${separator}${JSON.stringify(describeTransaction(survey))}`);
      separator = ',\n  ';
    });
    const rest = { serverVersion, previousGtids: previousGtids ?? null, end: endDocument(end) };
    await writeOut(`],${JSON.stringify(rest).slice(1)}`);
  }
  await writeOut('\n]}\n');
}

function endDocument({ offset, torn }: FileEnd): { readonly offset: number; readonly torn: string | null } {
  return { offset, torn: torn ?? null };
}

/** On standard error, beside the answer: what a crash left is not shown. */
export function warnOfTear({ file, end }: SurveyedFile): void {
  if (end.torn === undefined) return;
  process.stderr.write(`dcmha: ${file} was not finished: nothing whole after ${end.offset} (${end.torn})\n`);
}

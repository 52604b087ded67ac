import { readBytes } from '../../core/binlog/read-bytes.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import { EventBodies } from '../../core/salvage/event-bodies.ts';
import { sessionPreamble, SqlRenderer, type RenderOptions } from '../../core/salvage/render.ts';
import type { OpenBinlogFile } from '../../ports/binlog-source.ts';
import { writeOut } from '../stdout.ts';
import { describeTransaction } from './describe.ts';
import { warnOfTear, type ListRequest } from './list.ts';
import { surveyFile, type BinlogTools } from './survey-files.ts';

interface SqlRequest extends ListRequest {
  readonly direction: RenderOptions['direction'];
}

/** Prints transactions as SQL, or what undoes them, newest first; with `json` one document with the SQL of each. */
export async function printSql(tools: BinlogTools, request: SqlRequest): Promise<void> {
  await using printer = new SqlPrinter(tools, request);
  await writeOut(request.json ? '{"transactions":[' : sessionPreamble);
  const surveys: Survey[] = [];
  for (const file of request.files) {
    const surveyed = await surveyFile(tools, file, request.selection, async (survey) => {
      if (request.direction === 'forward') await printer.print(survey);
      else surveys.push(survey);
    });
    warnOfTear(surveyed);
  }
  for (const survey of surveys.reverse()) await printer.print(survey);
  if (request.json) await writeOut('\n]}\n');
}

class SqlPrinter implements AsyncDisposable {
  readonly #tools: BinlogTools;
  readonly #json: boolean;
  readonly #renderer: SqlRenderer;
  readonly #open = new Map<string, OpenBinlogFile>();
  #printed = 0;

  constructor(tools: BinlogTools, { direction, json }: SqlRequest) {
    this.#tools = tools;
    this.#json = json;
    const bodies = new EventBodies({
      read: async (file, offset, size) => readBytes(await this.#opened(file), offset, size),
      decompress: tools.decompress,
    });
    this.#renderer = new SqlRenderer((survey, entry) => bodies.read(survey, entry), { direction });
  }

  async print(survey: Survey): Promise<void> {
    if (!this.#json) {
      for await (const piece of this.#renderer.render(survey)) await writeOut(piece);
      return;
    }
    const pieces: Buffer[] = [];
    for await (const piece of this.#renderer.render(survey)) pieces.push(piece);
    const document = { ...describeTransaction(survey), sql: Buffer.concat(pieces).toString('utf8') };
    await writeOut(`${this.#printed++ === 0 ? '' : ','}\n  ${JSON.stringify(document)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open.values()) await file[Symbol.asyncDispose]();
  }

  async #opened(file: string): Promise<OpenBinlogFile> {
    const known = this.#open.get(file);
    if (known !== undefined) return known;
    const opened = await this.#tools.open(file);
    this.#open.set(file, opened);
    return opened;
  }
}

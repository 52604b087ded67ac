import { BinlogReader } from '../../core/binlog/binlog-reader.ts';
import type { FileEnd } from '../../core/binlog/file-scanner.ts';
import type { Decompress } from '../../core/binlog/payload.ts';
import type { GtidSet } from '../../core/gtid/gtid-set.ts';
import { readEvents } from '../../core/binlog/read-events.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { Surveyor } from '../../core/salvage/survey.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import type { OpenBinlogFile } from '../../ports/binlog-source.ts';

/** What reads binlog files by their paths. */
export interface BinlogTools {
  readonly open: (file: string) => Promise<OpenBinlogFile>;
  readonly decompress: Decompress;
}

export interface Selection {
  readonly gtids: GtidSet | undefined;
  readonly excludeGtids: GtidSet;
}

/** A file, given to whom it concerns as it is read. */
export interface FileVisitor {
  readonly transaction: (survey: Survey, bytes: OpenBinlogFile) => Promise<void>;
}

export interface SurveyedFile {
  readonly file: string;
  readonly serverVersion: string;
  readonly previousGtids: GtidSet | undefined;
  readonly end: FileEnd;
}

/** Reads a file from its beginning and hands out the transactions selected, in its order. Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED, NOT_FOUND. */
export async function surveyFile(
  tools: BinlogTools,
  file: string,
  selection: Selection,
  visit: FileVisitor['transaction'],
): Promise<SurveyedFile> {
  await using bytes = await tools.open(file);
  const reader = new BinlogReader({
    file,
    decompress: tools.decompress,
    wanted: (header) => isSelected(selection, header?.gtid),
  });
  const surveyor = new Surveyor();
  for await (const event of readEvents(bytes, reader)) {
    const survey = surveyor.accept(event);
    if (survey !== undefined) await visit(survey, bytes);
  }
  const end = reader.end();
  const { format, previousGtids } = reader.scanner;
  if (format === undefined) {
    throw new DcmhaError(
      'BINLOG_CORRUPT',
      `${file} ends before its format description: it is empty or cut off`,
      {
        details: { file, position: end.offset },
      },
    );
  }
  return { file, serverVersion: format.serverVersion, previousGtids, end };
}

function isSelected(
  { gtids, excludeGtids }: Selection,
  gtid: Parameters<GtidSet['has']>[0] | undefined,
): boolean {
  if (gtid === undefined) return gtids === undefined;
  return (gtids?.has(gtid) ?? true) && !excludeGtids.has(gtid);
}

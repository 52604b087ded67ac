import { loadZstd } from '../../src/adapters/system/zstd.ts';
import { BinlogReader } from '../../src/core/binlog/binlog-reader.ts';
import type { FileEnd } from '../../src/core/binlog/file-scanner.ts';
import { EventBodies } from '../../src/core/salvage/event-bodies.ts';
import type { Survey } from '../../src/core/salvage/survey-model.ts';
import { Surveyor } from '../../src/core/salvage/survey.ts';

export interface SurveyedFile {
  readonly surveys: readonly Survey[];
  readonly bodies: EventBodies;
  readonly end: FileEnd;
  /** The whole format description event, where the file has one. */
  readonly format: Buffer | undefined;
}

/** Surveys a binlog file that is in memory. */
export async function surveyFile(file: string, bytes: Buffer): Promise<SurveyedFile> {
  const decompress = await loadZstd();
  const reader = new BinlogReader({ file, decompress });
  const surveyor = new Surveyor();
  const surveys: Survey[] = [];
  for (const event of reader.push(bytes)) {
    const survey = surveyor.accept(event);
    if (survey !== undefined) surveys.push(survey);
  }
  const read = (_: string, offset: number, size: number): Promise<Buffer> =>
    Promise.resolve(bytes.subarray(offset, offset + size));
  const format =
    reader.scanner.format === undefined ? undefined : bytes.subarray(4, 4 + bytes.readUInt32LE(13));
  return {
    surveys,
    bodies: new EventBodies({ read, decompress, windowBytes: 4096 }),
    end: reader.end(),
    format,
  };
}

import { z } from 'zod';

const eventSchema = z.object({
  type: z.enum(['begin', 'start', 'pass', 'fail']),
  name: z.string(),
  nesting: z.number(),
  skip: z.boolean().default(false),
  todo: z.boolean().default(false),
  suite: z.boolean().default(false),
  failureType: z.string().optional(),
  error: z.string().optional(),
});

type TestEvent = z.infer<typeof eventSchema>;

/** One test that failed: its full name (suite > test) and the error's stack or a sentence. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

/** What a file's tests came to. `unfinished` are the tests that were begun and never ended. */
export interface Tally {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  readonly unfinished: readonly string[];
}

/** Counts the lines that `event-reporter.ts` wrote; a last line that was cut off is ignored. */
export function tally(lines: string): Tally {
  const events = lines.split('\n').flatMap(parseEvent);
  const results = events.filter(({ type }) => type === 'pass' || type === 'fail');
  return {
    passed: results.filter((event) => event.type === 'pass' && !event.suite && !event.skip).length,
    // Of a suite that is skipped nobody hears what is in it.
    skipped: results.filter((event) => event.type === 'pass' && event.skip).length,
    failures: failuresOf(events),
    unfinished: unfinishedOf(events),
  };
}

function parseEvent(line: string): TestEvent[] {
  try {
    return [eventSchema.parse(JSON.parse(line))];
  } catch {
    // The process was killed in the middle of a line, or it is the empty one at the end.
    return [];
  }
}

// A suite or a parent whose subtests failed is reported as failed itself: the subtests are counted, not it.
// A suite whose own hook failed is a failure that nobody else reports. A failing `todo` test is no failure.
function failuresOf(events: readonly TestEvent[]): Failure[] {
  const path: string[] = [];
  const failures: Failure[] = [];
  for (const event of events) {
    if (event.type === 'start') path[event.nesting] = event.name;
    if (event.type !== 'fail' || event.todo || event.failureType === 'subtestsFailed') continue;
    const name = [...path.slice(0, event.nesting), event.name].join(' > ');
    failures.push({ name, message: event.error ?? 'failed without an error' });
  }
  return failures;
}

function unfinishedOf(events: readonly TestEvent[]): string[] {
  const open: TestEvent[] = [];
  for (const event of events) {
    if (event.type === 'begin') open.push(event);
    if (event.type === 'pass' || event.type === 'fail') {
      const index = open.findIndex(({ name, nesting }) => name === event.name && nesting === event.nesting);
      if (index >= 0) open.splice(index, 1);
    }
  }
  return open.map(({ name }) => name);
}

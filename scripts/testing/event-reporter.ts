// A reporter for node's test runner: one JSON object a line, as `events.ts` reads them.
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

// Node takes a reporter by its default export only.
export { report as default };

async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const entry = describe(event);
    if (entry !== undefined) yield `${JSON.stringify(entry)}\n`;
  }
}

function describe({ type, data }: TestEvent) {
  // 'start' comes in the order of the report, just before the result; 'dequeue' comes when the test really begins.
  if (type === 'test:dequeue') return { type: 'begin', name: data.name, nesting: data.nesting };
  if (type === 'test:start') return { type: 'start', name: data.name, nesting: data.nesting };
  if (type === 'test:pass') return { type: 'pass', ...outcome(data) };
  if (type === 'test:fail') return { type: 'fail', ...outcome(data), ...failure(data.details.error) };
  return undefined;
}

function outcome({ name, nesting, skip, todo, details }: EventData.TestPass | EventData.TestFail) {
  return {
    name,
    nesting,
    skip: skip !== undefined,
    todo: todo !== undefined,
    suite: details.type === 'suite',
  };
}

// The runner wraps what the test threw; the thrown error is the cause, and its stack begins with its message.
function failure(error: Error & { readonly failureType?: unknown }) {
  const cause = error.cause ?? error;
  return {
    failureType: String(error.failureType),
    error: cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause),
  };
}

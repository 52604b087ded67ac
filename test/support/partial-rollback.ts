import type { Rollback } from '../../src/ports/rollback.ts';

const unused = (): never => {
  throw new Error('not of this test');
};

/** The port with just what a test is about; anything else that is called fails it. */
export function partialRollback(of: Partial<Rollback>): Rollback {
  return {
    standing: unused,
    tables: unused,
    lift: unused,
    isMarked: unused,
    takeBack: unused,
    resetGtids: unused,
    burn: unused,
    compare: unused,
    ...of,
  };
}

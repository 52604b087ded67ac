import type { Coordination } from '../../src/ports/coordination.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import type { Tamper } from './sim-ground.ts';

/** Bugs put in from outside, to see that the checks find them. */
export const seededBugs = {
  /** Agents and routers believe that the ensemble grants them far longer sessions than it does, so their leases outlive them. */
  'long-lease': {
    agentCoordination: withLongSession,
    routerCoordination: withLongSession,
  },
  /** An agent's fence says that it is done, and is not. */
  'no-fence': {
    agentMysql: (real: Mysql) =>
      replaced(real, { fence: () => Promise.resolve({ killed: 0, executed: '' }) }),
  },
  /** Agents do not see what a region has, so that what it is about to send to the primary is taken for errant. */
  'blind-to-region': {
    agentRegional: (real) => ({
      probe: async (...asked) => {
        const answer = await real.probe(...asked);
        if (answer.kind !== 'up') return answer;
        return { ...answer, status: { ...answer.status, executed: '' } };
      },
    }),
  },
  /** Taking back forgets one row. */
  'forgotten-row': {
    takenBack: (changes) => changes.slice(1),
  },
} as const satisfies Record<string, Tamper>;

export type SeededBug = keyof typeof seededBugs;

export function isSeededBug(name: string): name is SeededBug {
  return Object.hasOwn(seededBugs, name);
}

function withLongSession(real: Coordination): Coordination {
  return replaced(real, { sessionTimeoutMs: () => real.sessionTimeoutMs() * 5 });
}

/** The same object, with some methods that are others. */
function replaced<T extends object>(real: T, others: Partial<T>): T {
  return new Proxy(real, {
    get: (_, name) => {
      const value: unknown = Reflect.get(Object.hasOwn(others, name) ? others : real, name, real);
      return typeof value === 'function' ? (value.bind(real) as unknown) : value;
    },
  });
}

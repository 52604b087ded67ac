import type { RegionalMeans } from '../../src/core/perform/regional-channels.ts';
import type { RegionalServers } from '../../src/ports/regional.ts';
import { Random } from '../support/random.ts';
import type { SimProcess } from './sim-process.ts';
import { SimMysql } from './sim-mysql.ts';
import type { SimMysqlWorld } from './statements.ts';

/** Servers of other regions as one process reaches them. */
export function simRegional(world: SimMysqlWorld, process: SimProcess): RegionalServers {
  const mysql = new SimMysql(world, process);
  return { probe: ({ endpoint }, options) => mysql.probe(endpoint, options) };
}

/** What a coordinator needs to tend regional channels. */
export function simRegionalMeans(world: SimMysqlWorld, process: SimProcess, number: number): RegionalMeans {
  const random = new Random(number);
  return { servers: simRegional(world, process), random: () => random.next(), graceMs: 3000 };
}

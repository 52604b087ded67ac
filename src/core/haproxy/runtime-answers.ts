/** One server as the running HAProxy has it (`show servers state`, management manual). */
export interface RuntimeServer {
  readonly backend: string;
  readonly name: string;
  /** `10.0.0.1:3306`, `[::1]:3306`, or the host name that the configuration gave. */
  readonly address: string;
  /** Taken out by an operator's or our own command, or `disabled` in the file. */
  readonly maintenance: boolean;
  /** The weight that was given to it, 0 to 256. */
  readonly weight: number;
  /** The checks find it up. */
  readonly up: boolean;
}

// Bits of srv_admin_state: forced maintenance, inherited, by a failing resolution. Not 0x04, which only says that the file had it
// disabled once.
const MAINTENANCE = 0x01 | 0x02 | 0x20;

/** Reads the answer of `show servers state`. Lines that are not of the format are left out. */
export function parseServersState(answer: string): readonly RuntimeServer[] {
  const lines = answer.split('\n');
  const header = lines.find((line) => line.startsWith('# be_id'));
  if (header === undefined) return [];
  const columns = header.slice(2).trim().split(' ');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#') && line.includes(' '))
    .map((line) => {
      const fields = line.trim().split(' ');
      return (name: string) => fields[columns.indexOf(name)] ?? '-';
    })
    .map((field) => ({
      backend: field('be_name'),
      name: field('srv_name'),
      address: addressOf(field('srv_fqdn'), field('srv_addr'), field('srv_port')),
      maintenance: (Number(field('srv_admin_state')) & MAINTENANCE) !== 0,
      weight: Number(field('srv_uweight')),
      up: field('srv_op_state') !== '0',
    }));
}

function addressOf(name: string, ip: string, port: string): string {
  const host = name === '-' ? ip : name;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Sessions open now, by `BACKEND/SERVER`, from the answer of `show stat` (CSV), whatever stands before it. */
export function parseSessions(answer: string): ReadonlyMap<string, number> {
  const all = answer.split('\n');
  const start = all.findIndex((line) => line.startsWith('# pxname'));
  const [header = '', ...lines] = start === -1 ? [] : all.slice(start).filter((line) => line !== '');
  const columns = header.replace(/^# /, '').split(',');
  const at = {
    proxy: columns.indexOf('pxname'),
    server: columns.indexOf('svname'),
    now: columns.indexOf('scur'),
  };
  const counts = lines
    .map((line) => line.split(','))
    .map((cells): [string, number] => [
      `${cells[at.proxy] ?? ''}/${cells[at.server] ?? ''}`,
      Number(cells[at.now] ?? 0),
    ]);
  return new Map(counts);
}

/** The process id in the answer of `show info`; undefined when it is not one. */
export function parsePid(answer: string): number | undefined {
  const pid = Number(/^Pid: (\d+)$/m.exec(answer)?.[1]);
  return Number.isSafeInteger(pid) ? pid : undefined;
}

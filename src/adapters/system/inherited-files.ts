import { readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

/**
 * What follows a child's three standard streams: `ignore` for each file that it would inherit. ZooKeeper's client opens its socket
 * without close-on-exec, and a child that lives on would keep the connection open.
 */
export function coverInherited(): readonly 'ignore'[] {
  const highest = Math.max(2, ...inherited());
  return Array.from({ length: highest - 2 }, (): 'ignore' => 'ignore');
}

function inherited(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
        return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
      } catch {
        // The descriptor of the listing itself, closed by now.
        return false;
      }
    });
}

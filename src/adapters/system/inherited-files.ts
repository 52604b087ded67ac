import { createWriteStream, openSync, readdirSync, readFileSync, type WriteStream } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;
const FIRST_AFTER_STANDARD = 3;
let devNull: number | undefined;

/**
 * What follows a child's three standard streams: the null device in place of each file that it would inherit (`ignore` alone leaves
 * such a file open). ZooKeeper's client opens its socket without close-on-exec: a child that lives on would keep the connection open,
 * and the event loop of this process would go on hearing of it after it has closed it, under a number that is another file's by then.
 */
export function coverInherited(): readonly ('ignore' | WriteStream)[] {
  const inherited = new Set(inheritedFiles());
  const length = Math.max(FIRST_AFTER_STANDARD, ...[...inherited].map((fd) => fd + 1)) - FIRST_AFTER_STANDARD;
  devNull ??= openSync('/dev/null', 'r+');
  // execa's types know numbers up to 9 only, but any stream that has one.
  const nothing = createWriteStream('/dev/null', { fd: devNull, autoClose: false });
  return Array.from({ length }, (_, index) =>
    inherited.has(index + FIRST_AFTER_STANDARD) ? nothing : 'ignore',
  );
}

function inheritedFiles(): readonly number[] {
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

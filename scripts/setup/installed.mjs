// Exit status 0 when node_modules holds what package-lock.json says: npm keeps a list of what it installed.
// Plain JavaScript, because it runs before tsx is there.
import { readFileSync } from 'node:fs';

/** @param {string} path of a lock file */
const read = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;

try {
  const wanted = read('package-lock.json');
  const present = read('node_modules/.package-lock.json');
  const differing = Object.entries(wanted).filter(([path, { version, optional }]) => {
    if (path === '') return false;
    // Absent optional packages are those of other platforms.
    return present[path] === undefined ? optional !== true : present[path].version !== version;
  });
  const superfluous = Object.keys(present).filter((path) => wanted[path] === undefined);
  process.exitCode = differing.length + superfluous.length === 0 ? 0 : 1;
} catch {
  // No list: nothing was installed yet, or not by npm.
  process.exitCode = 1;
}

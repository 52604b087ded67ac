import type { SandboxStatus } from './status.ts';

/** The status as a table for people. */
export function renderStatus(status: SandboxStatus): string {
  const rows = status.processes.map(({ kind, host, port, pid, state, memoryMb }) => [
    kind,
    port === 0 ? host : `${host}:${port}`,
    pid === null ? '-' : String(pid),
    state,
    `${memoryMb} MB`,
  ]);
  const groups = status.groups.flatMap(({ name, primary, write, read, user, passwordFile }) => [
    `group ${name}: primary ${primary ?? 'none'}`,
    ...(write === null
      ? []
      : [`  write ${write}   read ${read ?? '-'}   user ${user}, password in ${passwordFile}`]),
  ]);
  return [
    ...align([['PROCESS', 'ADDRESS', 'PID', 'STATE', 'MEMORY'], ...rows]),
    '',
    ...groups,
    `configuration ${status.config}; ${status.memoryMb} MB in all`,
  ].join('\n');
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

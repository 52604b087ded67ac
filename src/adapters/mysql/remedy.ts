/** Denied for want of a privilege: specific (1227), kill (1095), database (1044), table (1142), column (1143), procedure (1370). */
const DENIED = new Set([1044, 1095, 1142, 1143, 1227, 1370]);

/** What the operator does about a server error of this number, where that is known. */
export function remedyFor(errno: number): string | undefined {
  if (DENIED.has(errno)) return 'grant the account in mysql.user what `dcmha config grants` prints';
  return undefined;
}

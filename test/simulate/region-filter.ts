import type { Transaction } from './sim-transaction.ts';

const received = new WeakMap<Transaction, Transaction>();

/** What a regional channel makes of a transaction: the source's own commit probes are not received, only their names. */
export function asReceived(transaction: Transaction): Transaction {
  const changes = transaction.changes.filter(({ table }) => table !== 0);
  if (changes.length === transaction.changes.length) return transaction;
  const known = received.get(transaction) ?? { ...transaction, changes };
  received.set(transaction, known);
  return known;
}

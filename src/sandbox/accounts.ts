import { randomBytes } from 'node:crypto';

/** The accounts of every server of a sandbox. `root` is for its own socket only. */
export const accountNames = ['root', 'dcmha', 'repl', 'app', 'admin'] as const;
export type AccountName = (typeof accountNames)[number];
export type Passwords = Readonly<Record<AccountName, string>>;

export function newSecret(): string {
  return randomBytes(18).toString('base64url');
}

export function newPasswords(): Passwords {
  return { root: newSecret(), dcmha: newSecret(), repl: newSecret(), app: newSecret(), admin: newSecret() };
}

// Nobody can log in with what the template holds: each sandbox sets its own passwords.
export const templateAccounts: readonly string[] = [
  'CREATE DATABASE app',
  "CREATE USER dcmha@'%' IDENTIFIED BY RANDOM PASSWORD, repl@'%' IDENTIFIED BY RANDOM PASSWORD",
  "CREATE USER app@'%' IDENTIFIED BY RANDOM PASSWORD, admin@'%' IDENTIFIED BY RANDOM PASSWORD",
  "GRANT ALL ON *.* TO dcmha@'%' WITH GRANT OPTION",
  "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO repl@'%'",
  "GRANT ALL ON app.* TO app@'%'",
  "GRANT SELECT, SHOW VIEW, SHOW DATABASES, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE, EVENT, TRIGGER ON *.* TO admin@'%'",
];

/**
 * Statements that give each account its password on one server, outside its binary log. They run before the server listens, so that
 * the moment without super_read_only is nobody's.
 */
export function passwordStatements(passwords: Passwords): readonly string[] {
  return [
    'SET SESSION sql_log_bin = 0',
    'SET GLOBAL super_read_only = OFF',
    ...accountNames.map(
      (name) =>
        `ALTER USER ${name}@'${name === 'root' ? 'localhost' : '%'}' IDENTIFIED BY '${passwords[name]}'`,
    ),
    'SET GLOBAL super_read_only = ON',
  ];
}

/** Capability flags of MySQL's protocol (include/mysql_com.h), as far as they matter to a source. */
export const Capability = {
  LongPassword: 0x1,
  LongFlag: 0x4,
  ConnectWithDatabase: 0x8,
  Protocol41: 0x200,
  Ssl: 0x800,
  Transactions: 0x2000,
  SecureConnection: 0x8000,
  PluginAuth: 0x8_0000,
  ConnectAttributes: 0x10_0000,
  PackedAuthData: 0x20_0000,
} as const;

/** What is offered; TLS comes on top. Neither compression nor the newer end of results, so that answers have one form. */
export const OFFERED =
  Capability.LongPassword |
  Capability.LongFlag |
  Capability.ConnectWithDatabase |
  Capability.Protocol41 |
  Capability.Transactions |
  Capability.SecureConnection |
  Capability.PluginAuth |
  Capability.ConnectAttributes |
  Capability.PackedAuthData;

/** `SERVER_STATUS_AUTOCOMMIT`. */
export const STATUS_AUTOCOMMIT = 0x2;

/** utf8mb4_general_ci: every client since 5.5 knows it. */
export const UTF8MB4 = 45;

import { Buffer } from 'node:buffer';
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export const CACHING_SHA2 = 'caching_sha2_password';
export const NONCE_BYTES = 20;

/** After the right proof: nothing more is needed, an OK follows (`fast_auth_success`). */
export const FAST_AUTH_OK = Buffer.from([0x01, 0x03]);

const DOLLAR = 0x24;

/** Fresh for each login; without zero bytes and `$`, as the server makes it (`generate_user_salt`). */
export function newNonce(): Buffer {
  return Buffer.from(Array.from(randomBytes(NONCE_BYTES), saltByte));
}

function saltByte(random: number): number {
  const byte = 1 + (random % 126);
  return byte === DOLLAR ? byte + 1 : byte;
}

/**
 * What a client that knows the password sends: SHA256(password) xor SHA256(SHA256(SHA256(password)), nonce)
 * (`generate_sha256_scramble` in sql/auth/sha2_password_common.cc). Empty for an empty password.
 */
export function proofOf(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha256(Buffer.from(password, 'utf8'));
  const mask = sha256(sha256(once), nonce);
  return Buffer.from(once.map((byte, at) => byte ^ (mask[at] ?? 0)));
}

/** In a time that does not depend on where they differ. */
export function isProof(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

function sha256(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

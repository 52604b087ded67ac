interface Digits {
  readonly negative: boolean;
  /** Exactly as many significant digits as asked for. */
  readonly text: string;
  /** Of the first digit: 1.5 has 0. */
  readonly exponent: number;
}

/** C's `%.<precision>g`, byte for byte. */
export function formatG(value: number, precision: number): string {
  if (!Number.isFinite(value)) return formatInfinite(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const digits = toDigits(value, precision);
  const sign = digits.negative ? '-' : '';
  if (digits.exponent < -4 || digits.exponent >= precision) {
    return sign + withPoint(digits.text, 1) + exponentText(digits.exponent);
  }
  if (digits.exponent >= 0) return sign + withPoint(digits.text, digits.exponent + 1);
  return sign + withPoint('0'.repeat(-digits.exponent) + digits.text, 1);
}

/** C's `%.<fraction>e`, byte for byte. */
export function formatE(value: number, fraction: number): string {
  if (!Number.isFinite(value)) return formatInfinite(value);
  if (value === 0) return `${Object.is(value, -0) ? '-' : ''}0.${'0'.repeat(fraction)}e+00`;
  const digits = toDigits(value, fraction + 1);
  const sign = digits.negative ? '-' : '';
  return `${sign}${digits.text.slice(0, 1)}.${digits.text.slice(1)}${exponentText(digits.exponent)}`;
}

/** The shortest text that reads back as the same double, as MySQL prints doubles inside JSON (mysql-server: my_gcvt). */
export function formatShortest(value: number): string {
  if (!Number.isFinite(value)) return formatInfinite(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const { negative, text, exponent } = parseExponential(value.toExponential());
  return `${negative ? '-' : ''}${placePoint(text, exponent)}`;
}

/** my_gcvt writes the point out when it is within 15 digits or among the digits, else an exponent without plus or padding. */
function placePoint(text: string, exponent: number): string {
  const isPadded = text.length <= exponent + 1;
  if ((exponent > 14 && isPadded) || exponent < -15) return `${withPoint(text, 1)}e${exponent}`;
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${text}`;
  if (text.length > exponent + 1) return withPoint(text, exponent + 1);
  return `${text.padEnd(exponent + 1, '0')}.0`;
}

/** A literal that MySQL reads as this very DOUBLE: the exponent keeps it from being a DECIMAL. */
export function doubleLiteral(value: number): string {
  if (Object.is(value, -0)) return '-0e0';
  return value.toExponential().replace('e+', 'e');
}

/** Rounds half to even on an exact tie, as glibc does; `toExponential` rounds such a tie up. */
function toDigits(value: number, precision: number): Digits {
  const rounded = parseExponential(value.toExponential(precision - 1));
  if (!canBeTie(value, precision, rounded.exponent)) return rounded;
  // A tie shows as one more digit that is 5 with nothing but zeros behind it.
  const all = parseExponential(value.toExponential(100));
  if (all.text[precision] !== '5' || /[1-9]/.test(all.text.slice(precision + 1))) return rounded;
  const truncated = all.text.slice(0, precision);
  return '02468'.includes(truncated.slice(-1)) ? { ...all, text: truncated } : rounded;
}

/** Half a unit of the last digit has few binary places; nearly every double has more, and is spared the long way. */
function canBeTie(value: number, precision: number, exponent: number): boolean {
  return Number.isInteger(value * 2 ** (precision - exponent));
}

function parseExponential(text: string): Digits {
  const negative = text.startsWith('-');
  const first = negative ? 1 : 0;
  const end = text.indexOf('e');
  return {
    negative,
    text: text.charAt(first) + text.slice(first + 2, end),
    exponent: Number(text.slice(end + 1)),
  };
}

/** The point behind `whole` digits, without the zeros at the end. */
function withPoint(digits: string, whole: number): string {
  let end = digits.length;
  while (end > whole && digits.endsWith('0', end)) end--;
  return end === whole ? digits.slice(0, whole) : `${digits.slice(0, whole)}.${digits.slice(whole, end)}`;
}

function exponentText(exponent: number): string {
  const size = Math.abs(exponent);
  return `e${exponent < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
}

function formatInfinite(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return value < 0 ? '-inf' : 'inf';
}

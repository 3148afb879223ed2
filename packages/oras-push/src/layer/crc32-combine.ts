/**
 * The polynomial of CRC-32 (RFC 1952, section 8). The highest bit of a number is the coefficient of x^0. The
 * coefficient of x^32 is not stored.
 */
const POLYNOMIAL = 0xedb88320;

/** The polynomial 1. */
const ONE = 0x80000000;

/** The polynomial x^8. {@link crc32Combine} multiplies the first CRC by x^8 for each byte of the second sequence. */
const ONE_BYTE = 0x00800000;

/**
 * Combines the CRC-32 values of two byte sequences into the CRC-32 of the joined sequence. `length` is the length of
 * the second sequence in bytes.
 */
export function crc32Combine(first: number, second: number, length: number): number {
  let shifted = first;
  let power = ONE_BYTE;
  for (let left = length; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) shifted = product(shifted, power);
    power = product(power, power);
  }
  return (shifted ^ second) >>> 0;
}

/** Multiplies two polynomials, modulo {@link POLYNOMIAL}. */
function product(a: number, b: number): number {
  let sum = 0;
  let shifted = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) sum ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL;
  }
  return sum;
}

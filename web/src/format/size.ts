// Sizes in binary units, for people: short where they are shown, exact where somebody asks, and read back as typed.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `432013312` as `412 MiB`: three digits at most, so that columns of them stay calm. */
export function size(bytes: number): string {
  let unit = 0;
  let amount = Math.abs(bytes);
  // What rounds to 1024 of a unit is one of the next.
  while (unit < units.length - 1 && Number(amount.toFixed(digits(amount))) >= 1024) {
    amount /= 1024;
    unit += 1;
  }
  const sign = bytes < 0 ? '−' : '';
  const text = unit === 0 ? String(Math.round(amount)) : amount.toFixed(digits(amount));
  return `${sign}${text.replace(/\.0+$/, '')} ${units[unit]}`;
}

const digits = (amount: number): number => (amount < 10 ? 2 : amount < 100 ? 1 : 0);

/** The same with its sign, as a difference. */
export const difference = (bytes: number): string => (bytes > 0 ? `+${size(bytes)}` : size(bytes));

/** `432013312` as `432,013,312 bytes`. */
export const exact = (bytes: number): string =>
  `${Math.round(bytes).toLocaleString('en')} ${Math.abs(bytes) === 1 ? 'byte' : 'bytes'}`;

/** So much in a second. */
export const rate = (bytes: number): string => `${size(bytes)}/s`;

const written = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?\s*$/i;

/** Reads `512MiB`, `1.5 G` or `4096`, in whole pages; `null` if it is no size. */
export function parseSize(text: string): number | null {
  const found = written.exec(text);
  if (!found?.[1]) return null;
  const exponent = found[2] ? 'kmgtp'.indexOf(found[2].toLowerCase()) + 1 : 0;
  const pages = Math.round((Number(found[1]) * 1024 ** exponent) / 4096);
  const bytes = pages * 4096;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

// Everything else that is written for people: parts, counts, times, and the host's words in sentences' clothes.

export const count = (number: number): string => number.toLocaleString('en');

/** `1 VM`, `2 VMs`: a number of what is many with an s. */
export const counted = (number: number, one: string): string => `${count(number)} ${one}${number === 1 ? '' : 's'}`;

/** 0.123 as `12 %`. What is less than is written is not nothing. */
export function percent(part: number): string {
  const value = part * 100;
  if (value > 0 && value < 0.05) return '<0.1 %';
  const small = Math.abs(value) < 10 && value !== 0;
  return `${small ? value.toFixed(1) : Math.round(value)} %`;
}

/** 93784 as `1 d 2 h`: the two largest units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

const two = (number: number): string => String(number).padStart(2, '0');

/** The time of day, to the second. */
export function clock(milliseconds: number): string {
  const at = new Date(milliseconds);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Date and time. */
export function moment(milliseconds: number): string {
  const at = new Date(milliseconds);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(milliseconds)}`;
}

/** `vm-started` as `vm started`, `at_cap` as `at cap`. */
export const words = (name: string): string => name.replaceAll(/[-_]/g, ' ');

/** The first letter large. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A text of the host, line by line; what is indented is a list that belongs to the line before. */
export function paragraphs(text: string): { line: string; items: string[] }[] {
  const found: { line: string; items: string[] }[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const last = found.at(-1);
    if (last && line.startsWith('  ')) last.items.push(line.trim());
    else found.push({ line, items: [] });
  }
  return found;
}

// Numbers made ready to be drawn. Pure.

export type Column = (number | null)[];

export interface Line {
  key: string;
  label: string;
  /** A custom property. */
  colour: string;
  values: Column;
  /** What it means. */
  says: string;
}

/** What tells lines apart that are not told apart by their colours: lengths of dashes and gaps. */
export const dashes: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

/** The same as a piece of a line in `colour`, for a legend. */
export function dashed(line: number, colour: string): string {
  const lengths = dashes[line % dashes.length] ?? [];
  if (lengths.length === 0) return colour;
  let at = 0;
  const stops = lengths.map((length, index) => {
    const paint = index % 2 === 0 ? colour : 'transparent';
    const stop = `${paint} ${at}px ${at + length}px`;
    at += length;
    return stop;
  });
  return `repeating-linear-gradient(to right, ${stops.join(', ')})`;
}

/** Each line upon those after it: the first is the sum of all. Where one knows nothing, the sum does not either. */
export function stack(columns: readonly Column[]): Column[] {
  const stacked: Column[] = [];
  for (let line = columns.length - 1; line >= 0; line -= 1) {
    const below = stacked[0];
    const column = columns[line] ?? [];
    stacked.unshift(
      column.map((value, index) => {
        if (!below) return value;
        const base = below[index];
        return value === null || base === null || base === undefined ? null : value + base;
      }),
    );
  }
  return stacked;
}

/** At most `most` indexes of `length`, spread evenly, the last one among them, newest first. */
export function spread(length: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(length / most));
  const indexes: number[] = [];
  for (let index = length - 1; index >= 0; index -= step) indexes.push(index);
  return indexes;
}

/** A path through `values` in a box, from 0 at its foot to the largest at its top. */
export function sparkline(values: Column, width: number, height: number): string {
  const largest = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  if (values.length < 2) return '';
  let path = '';
  let pen = false;
  values.forEach((value, index) => {
    if (value === null) {
      pen = false;
      return;
    }
    const x = (index / (values.length - 1)) * width;
    const y = height - (largest > 0 ? value / largest : 0) * (height - 2) - 1;
    path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  });
  return path;
}

/** Round binary sizes to mark an axis with, from `least` to `most`, as far apart as `increment` asks at least. */
export function binarySteps(least: number, most: number, increment: number): number[] {
  const step = Math.max(1, 2 ** Math.ceil(Math.log2(Math.max(1, increment))));
  const marks: number[] = [];
  for (let mark = Math.ceil(least / step) * step; mark <= most; mark += step) marks.push(mark);
  return marks;
}

// Where things are in the picture of the three address spaces. Pure.

import type { Map as MemoryMap, Mapped } from '../api/schema.ts';

export const WIDTH = 760;
export const TOP = 44;
export const ROW = 10;
const LEAST_ROWS = 30;

/** Left edge and width of each lane. */
export const lanes = { gva: [130, 22], gpa: [370, 22], machine: [610, 22] } as const;

export type Kind = 'code' | 'data' | 'readonly';

export const kinds: readonly [Kind, string][] = [
  ['code', 'Code'],
  ['data', 'Data'],
  ['readonly', 'Read-only'],
];

export const kindOf = ({ permissions }: Mapped): Kind =>
  permissions.includes('x') ? 'code' : permissions.includes('w') ? 'data' : 'readonly';

export interface Link {
  page: Mapped;
  kind: Kind;
  /** The height of its place in each lane; no frame, no height. */
  gva: number;
  gpa: number;
  machine: number | null;
  /** Its address is written beside it: it is the first for a while. */
  labelled: boolean;
}

export interface Picture {
  height: number;
  /** The lanes' foot. */
  foot: number;
  links: Link[];
}

/** Addresses closer than this belong together. */
const NEAR = 1n << 24n;
/** Rows between two labels at least. */
const LABEL_ROWS = 2;

/** How guest physical and machine memory are drawn: what is shown of it one below the other, or all of it to scale. */
export type Layout = 'order' | 'scale';

/** The places of numbers in order, evenly from top to foot; equal ones have one place. */
function inOrder(numbers: readonly number[], tall: number): (number: number) => number {
  const places = new Map([...new Set(numbers)].sort((a, b) => a - b).map((number, index) => [number, index]));
  const pitch = tall / Math.max(1, places.size);
  return (number) => TOP + ((places.get(number) ?? 0) + 0.5) * pitch;
}

export const pageNumber = (hex: string): number => Number(BigInt(hex));

/** The virtual lane is always in order, as nearly all of it is empty. */
export function draw(map: MemoryMap, layout: Layout): Picture {
  const rows = Math.max(LEAST_ROWS, map.sample.length);
  const foot = TOP + rows * ROW;
  const tall = foot - TOP;
  const first = pageNumber(map.first_gfn);
  const pitch = tall / Math.max(1, map.sample.length);
  const gfns = map.sample.map(({ gfn }) => pageNumber(gfn));
  const mfns = map.sample.flatMap(({ mfn }) => (mfn === null ? [] : [pageNumber(mfn)]));
  const ofGfn = layout === 'order' ? inOrder(gfns, tall) : (gfn: number) => TOP + ((gfn - first) / map.guest_frames) * tall;
  const ofMfn = layout === 'order' ? inOrder(mfns, tall) : (mfn: number) => TOP + (mfn / map.pool_frames) * tall;
  let before: bigint | null = null;
  let room = LABEL_ROWS;
  const links = map.sample.map((page, index) => {
    const gva = BigInt(page.gva);
    room += 1;
    const apart = before === null || gva - before > NEAR;
    const last = index === map.sample.length - 1;
    const labelled = (apart || last) && room >= LABEL_ROWS;
    if (labelled) room = 0;
    before = gva;
    return {
      page,
      kind: kindOf(page),
      gva: TOP + (index + 0.5) * pitch,
      gpa: ofGfn(pageNumber(page.gfn)),
      machine: page.mfn === null ? null : ofMfn(pageNumber(page.mfn)),
      labelled,
    };
  });
  return { height: foot + 28, foot, links };
}

/** A curve from one lane to another. */
export function curve(fromX: number, fromY: number, toX: number, toY: number): string {
  const middle = (fromX + toX) / 2;
  return `M${fromX} ${fromY.toFixed(1)}C${middle} ${fromY.toFixed(1)} ${middle} ${toY.toFixed(1)} ${toX} ${toY.toFixed(1)}`;
}

const sv39 = [9, 9, 9] as const;

/** An address cut as the guest's walk uses it: an index for each level, from the top, and the offset. */
export function cut(gva: string, levels: number): { indexes: number[]; offset: number } {
  const address = BigInt(gva);
  const indexes = Array.from({ length: Math.max(levels, sv39.length) }, (_, level) =>
    Number((address >> BigInt(12 + 9 * level)) & 0x1ffn),
  ).reverse();
  return { indexes, offset: Number(address & 0xfffn) };
}

/** Reads a typed address, `0x` or not, as the host wants it; `null` if it is none. */
export function parseAddress(typed: string): string | null {
  const digits = typed.trim().replace(/^0x/i, '').replaceAll('_', '');
  return /^[0-9a-f]{1,16}$/i.test(digits) ? `0x${BigInt(`0x${digits}`).toString(16)}` : null;
}

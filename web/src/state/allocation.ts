// What can be edited of a VM's claim on memory. Pure.

import type { Shares, VmSpec } from '../api/schema.ts';

const MIB = 2 ** 20;

/** A VM's controls. */
export interface Allocation {
  reservation_bytes: number;
  limit_bytes: number | null;
  shares: Shares;
}

export const allocationOf = (vm: VmSpec): Allocation => ({
  reservation_bytes: vm.reservation_bytes ?? 0,
  limit_bytes: vm.limit_bytes ?? null,
  shares: vm.shares ?? 'normal',
});

/** What the levels stand for, for each MiB of a VM. */
const levels = { low: 5, normal: 10, high: 20 } as const;

export type Level = keyof typeof levels;

export function sharesNumber(shares: Shares, size: number): number {
  return typeof shares === 'number' ? shares : Math.max(1, Math.floor((size / MIB) * levels[shares]));
}

/** How far a slider of shares goes to either side of the normal number, as powers of two. */
export const SHARES_SPAN = 4;

export const sharesPosition = (shares: Shares, size: number): number =>
  Math.log2(sharesNumber(shares, size) / sharesNumber('normal', size));

/** The number at a slider's position; at a level's place, the level. */
export function sharesAt(position: number, size: number): Shares {
  const number = Math.max(1, Math.round(sharesNumber('normal', size) * 2 ** position));
  const level = (Object.keys(levels) as Level[]).find((name) => sharesNumber(name, size) === number);
  return level ?? number;
}

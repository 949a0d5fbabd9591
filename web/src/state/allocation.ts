// What can be edited of a VM's claim on memory, and two editors at once. Pure.

import type { Shares, VmChange, VmSpec } from '../api/schema.ts';

const MIB = 2 ** 20;

/** A VM's controls. */
export interface Allocation {
  reservation_bytes: number;
  limit_bytes: number | null;
  shares: Shares;
}

export const fields = ['reservation_bytes', 'limit_bytes', 'shares'] as const;
export type Field = (typeof fields)[number];

export const labels: Record<Field, string> = {
  reservation_bytes: 'Reservation',
  limit_bytes: 'Limit',
  shares: 'Shares',
};

export const allocationOf = (vm: VmSpec): Allocation => ({
  reservation_bytes: vm.reservation_bytes ?? 0,
  limit_bytes: vm.limit_bytes ?? null,
  shares: vm.shares ?? 'normal',
});

/** What the second has different from the first, field by field. */
export function changes(before: Allocation, after: Allocation): Partial<Allocation> & VmChange {
  const changed: Partial<Allocation> = {};
  if (after.reservation_bytes !== before.reservation_bytes) changed.reservation_bytes = after.reservation_bytes;
  if (after.limit_bytes !== before.limit_bytes) changed.limit_bytes = after.limit_bytes;
  if (after.shares !== before.shares) changed.shares = after.shares;
  return changed;
}

export const isEmpty = (change: object): boolean => Object.keys(change).length === 0;

/** My edits of `base`, made of what somebody else has made of it in the meantime. */
export const rebase = (base: Allocation, mine: Allocation, theirs: Allocation): Allocation => ({
  ...theirs,
  ...changes(base, mine),
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

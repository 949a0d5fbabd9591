// What memory is used for, as it is pictured everywhere: the same parts, in the same order, with the same colour and words.

import type { HostStatus, Ledger, Metrics, Pages, VmStatus } from '../api/schema.ts';
import { pages as pageMeanings, uses as useMeanings } from '../words/values.ts';

export interface Part {
  key: string;
  label: string;
  /** The custom property with its colour. */
  colour: string;
  bytes: number;
  meaning: string;
}

/** The states of a VM's pages; they add up to its size. */
export const pageStates = [
  ['private', 'Private'],
  ['shared', 'Shared'],
  ['zero', 'Zero'],
  ['ballooned', 'Ballooned'],
  ['compressed', 'Compressed'],
  ['swapped', 'Swapped'],
  ['untouched', 'Untouched'],
] as const;

export type PageState = (typeof pageStates)[number][0];

/** What machine memory holds; it adds up to all of it. */
export const machineUses = [
  ['private', 'Private'],
  ['shared', 'Shared'],
  ['compressed', 'Zip store'],
  ['overhead', 'Overhead'],
  ['free', 'Free'],
] as const;

export type MachineUse = (typeof machineUses)[number][0];

export function pagesOf(memory: Metrics): Record<PageState, number> {
  return {
    private: memory.private_bytes,
    // Zero pages are counted among the shared ones.
    shared: Math.max(0, memory.shared_bytes - memory.zero_bytes),
    zero: memory.zero_bytes,
    ballooned: memory.ballooned_bytes,
    compressed: memory.compressed_bytes,
    swapped: memory.swapped_bytes,
    untouched: memory.untouched_bytes,
  };
}

export const countedPages = (pages: Pages): Record<PageState, number> => ({
  private: pages.private_bytes,
  shared: pages.shared_bytes,
  zero: pages.zero_bytes,
  ballooned: pages.ballooned_bytes,
  compressed: pages.compressed_bytes,
  swapped: pages.swapped_bytes,
  untouched: pages.untouched_bytes,
});

export function usesOf(ledger: Ledger): Record<MachineUse, number> {
  return {
    // With what is being filled for a page right now, which is too little to be seen by itself.
    private: ledger.private_bytes + ledger.in_flight_bytes,
    shared: ledger.shared_bytes,
    compressed: ledger.zip_bytes,
    overhead: ledger.overhead_bytes - ledger.deficit_bytes,
    free: ledger.free_bytes,
  };
}

export const pageParts = (pages: Record<PageState, number>): Part[] =>
  pageStates.map(([key, label]) => ({ key, label, meaning: pageMeanings[key], colour: `--page-${key}`, bytes: pages[key] }));

export const machineParts = (uses: Record<MachineUse, number>): Part[] =>
  machineUses.map(([key, label]) => ({ key, label, meaning: useMeanings[key], colour: `--page-${key}`, bytes: uses[key] }));

/** Whether the host has measured what a VM uses; until then it has assumed something. */
export const isSampled = (memory: VmStatus): boolean => memory.active_part !== null;

/** What running VMs use together, of those that were measured, and how many were not. */
export function activeOf({ vms }: HostStatus): { bytes: number; missing: number } {
  const measured = vms.filter(isSampled);
  return { bytes: measured.reduce((sum, vm) => sum + vm.active_bytes, 0), missing: vms.length - measured.length };
}

/** What running VMs may come to hold: of this the host says by how much it is overcommitted. */
export const promised = ({ vms }: HostStatus): number =>
  vms.reduce((sum, vm) => sum + Math.min(vm.size_bytes, vm.limit_bytes ?? Infinity) + vm.overhead_reserved_bytes, 0);

// What memory is used for, as it is pictured everywhere: the same parts, in the same order, with the same colour and words.

import type { Ledger, Metrics, Pages } from '../api/schema.ts';

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
  ['private', 'Private', 'In a frame of its own'],
  ['shared', 'Shared', 'In one frame with equal pages'],
  ['zero', 'Zero', 'All zeros, in the frame that everybody shares'],
  ['ballooned', 'Ballooned', 'Given back by the guest’s balloon driver'],
  ['compressed', 'Compressed', 'In the zip store'],
  ['swapped', 'Swapped', 'In the swap file'],
  ['untouched', 'Untouched', 'Never used, or given back'],
] as const;

export type PageState = (typeof pageStates)[number][0];

/** What machine memory holds; it adds up to all of it. */
export const machineUses = [
  ['private', 'Private', 'Pages of one VM each'],
  ['shared', 'Shared', 'Frames that hold pages of several'],
  ['compressed', 'Zip store', 'Compressed pages'],
  ['overhead', 'Overhead', 'What VMs and the host cost beyond the guests’ memory'],
  ['free', 'Free', 'Can be handed out'],
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
    private: ledger.private_bytes,
    shared: ledger.shared_bytes,
    compressed: ledger.zip_bytes,
    overhead: ledger.overhead_bytes,
    free: ledger.free_bytes,
  };
}

export const pageParts = (pages: Record<PageState, number>): Part[] =>
  pageStates.map(([key, label, meaning]) => ({ key, label, meaning, colour: `--page-${key}`, bytes: pages[key] }));

export const machineParts = (uses: Record<MachineUse, number>): Part[] =>
  machineUses.map(([key, label, meaning]) => ({ key, label, meaning, colour: `--page-${key}`, bytes: uses[key] }));

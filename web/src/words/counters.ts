// What the counters of translation are called and mean.

/** By their keys in the interface. */
export const counters: Record<string, readonly [name: string, meaning: string]> = {
  instructions: ['Instructions', 'Guest instructions executed.'],
  exceptions: ['Exceptions', 'Exceptions that the guest got: its own page faults, system calls, and so on.'],
  interrupts: ['Interrupts', 'Interrupts that the guest got.'],
  device_accesses: ['Device accesses', 'Reads and writes of device registers. Each leaves the guest.'],
  tlb_hits: ['TLB hits', 'Translations for data that were found in the TLB.'],
  tlb_data_misses: ['TLB misses, data', 'Translations for data that were not found in the TLB. In hardware each costs a walk of two stages.'],
  tlb_fetch_misses: ['TLB misses, instructions', 'Translations for instructions that were not found in the TLB.'],
  hidden_faults: ['Hidden faults', 'Faults that only the host knows of: the shadow table had no entry yet. The price of the software MMU.'],
  true_faults: ['True faults', 'Faults that the guest’s own tables call for. The guest gets them, whatever the technique.'],
  walk_references: ['Walk references', 'Reads of memory for translating: by walks, and by lookups in the pmap and in shadow tables.'],
  taken_away: ['Taken away', 'Translations that a processor lost because the host took the page or moved it.'],
  shadow_tables_built: ['Shadow tables built', 'Shadow tables made new, each for 2 MiB of an address space.'],
  shadow_tables_synced: ['Shadow tables synced', 'Shadow tables compared with the guest’s after it had changed these.'],
  shadow_tables_dropped: ['Shadow tables dropped', 'Shadow tables given up: for want of room, or because the guest gave up what they mirror.'],
  shadow_entries_kept: ['Shadow entries kept', 'Entries that still agreed when their table was synced.'],
  shadow_entries_dropped: ['Shadow entries dropped', 'Entries dropped: by a sync or a fence, or because the host took the page.'],
  space_fences: ['Fences of address spaces', 'Times that the guest has ordered all translations of an address space to be forgotten.'],
  page_fences: ['Fences of one page', 'Times that the guest has ordered the translations of one page to be forgotten.'],
  switches: ['Address space switches', 'Times that the guest went on in another address space, as when it switches processes.'],
  guest_nanoseconds: ['Time in the guest', 'Time spent in executing the guest.'],
  mmu_nanoseconds: ['Time in the MMU', 'Time spent in translating addresses: faults, walks and syncs. An estimate.'],
  device_nanoseconds: ['Time in devices', 'Time spent in answering accesses to device registers.'],
};

// The tree of resource pools, as the rows of a table. Pure.

import type { Pool, Vm } from '../api/schema.ts';

export type Row =
  | { kind: 'pool'; name: string; depth: number; pool: Pool; open: boolean; consumed: number; members: number }
  | { kind: 'vm'; name: string; depth: number; vm: Vm };

/** `web-2` before `web-10`. */
const byName = (one: { name: string }, other: { name: string }): number => one.name.localeCompare(other.name, 'en', { numeric: true });

/**
 * The VMs of a place before its pools, each by name, so that no VM stands below a pool that it is not in. A closed pool shows none of its
 * members.
 */
export function flatten(pools: readonly Pool[], vms: readonly Vm[], closed: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const visit = (parent: string | null, depth: number): void => {
    for (const vm of vms.filter((one) => (one.pool ?? null) === parent).sort(byName)) {
      rows.push({ kind: 'vm', name: vm.name, depth, vm });
    }
    for (const pool of pools.filter((one) => (one.parent ?? null) === parent).sort(byName)) {
      const open = !closed.has(pool.name);
      rows.push({ kind: 'pool', name: pool.name, depth, pool, open, ...totals(pool.name, pools, vms) });
      // The host keeps pools a tree; the bound is for a host that does not.
      if (open && depth <= pools.length) visit(pool.name, depth + 1);
    }
  };
  visit(null, 1);
  return rows;
}

/** The names of a pool and of all pools within it. */
export function within(name: string, pools: readonly Pool[]): Set<string> {
  const names = new Set([name]);
  let before = 0;
  while (names.size > before) {
    before = names.size;
    for (const pool of pools) if (pool.parent && names.has(pool.parent)) names.add(pool.name);
  }
  return names;
}

/** The VMs in a pool and in the pools within it, and what they consume together. */
function totals(name: string, pools: readonly Pool[], vms: readonly Vm[]): { members: number; consumed: number } {
  const names = within(name, pools);
  const members = vms.filter((vm) => vm.pool && names.has(vm.pool));
  return { members: members.length, consumed: members.reduce((sum, vm) => sum + (vm.memory?.consumed_bytes ?? 0), 0) };
}

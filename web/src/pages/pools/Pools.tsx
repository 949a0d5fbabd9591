// Resource pools as the tree they are, with the VMs in them.

import { useState } from 'preact/hooks';
import type { Pool } from '../../api/schema.ts';
import { Size } from '../../parts/Size.tsx';
import { Empty } from '../../parts/Waiting.tsx';
import { Term } from '../../parts/Term.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { model } from '../../state/host.ts';
import { flatten } from '../../state/poolTree.ts';
import { pool as says } from '../../words/figures.ts';
import { PoolDialog } from './PoolDialog.tsx';
import { TreeRow } from './TreeRow.tsx';

const heads = [
  ['Reservation', says.reservation],
  ['Given on', says.given],
  ['Limit', says.limit],
  ['Shares', says.shares],
  ['Entitled', says.entitlement],
  ['Consumed', says.consumed],
] as const;

export function Pools() {
  const [editing, setEditing] = useState<Pool | 'new' | null>(null);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const known = model.value;
  if (!known) return null;
  const rows = flatten(known.pools, known.vms, closed);
  const toggle = (name: string): void => {
    const next = new Set(closed);
    if (!next.delete(name)) next.add(name);
    setClosed(next);
  };
  return (
    <section class="card" aria-labelledby="pools-title">
      <header class="chart-head">
        <h1 id="pools-title">
          Resource pools <span class="tally">{known.pools.length}</span>
        </h1>
        <Needs role="administer">
          <button type="button" onClick={() => setEditing('new')}>
            Create…
          </button>
        </Needs>
      </header>
      {known.pools.length === 0 && <Empty>There is no resource pool. All VMs are on the host itself and share its memory by their own settings.</Empty>}
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="pools-title">
        <table class="pools">
          <thead>
            <tr>
              <th scope="col">Name</th>
              {heads.map(([label, meaning]) => (
                <th key={label} scope="col" class="right">
                  <Term says={meaning}>{label}</Term>
                </th>
              ))}
              <th scope="col">
                <span class="unseen">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">The host</th>
              <td class="right">
                <Size bytes={known.status.reserved_bytes + known.status.unreserved_bytes} />
              </td>
              <td class="right">
                <Size bytes={known.status.reserved_bytes} />
              </td>
              <td class="right">–</td>
              <td class="right">–</td>
              <td class="right">
                <Size bytes={known.status.sums.entitlement_bytes} />
              </td>
              <td class="right">
                <Size bytes={known.status.sums.consumed_bytes} />
              </td>
              <td />
            </tr>
            {rows.map((row) => (
              <TreeRow key={`${row.kind} ${row.name}`} row={row} toggle={toggle} edit={setEditing} />
            ))}
          </tbody>
        </table>
      </div>
      {editing && <PoolDialog pool={editing === 'new' ? null : editing} close={() => setEditing(null)} />}
    </section>
  );
}

// A resource pool or a VM in the tree.

import type { Pool, Vm } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { Size } from '../../parts/Size.tsx';
import { PowerPill } from '../../parts/State.tsx';
import { Term } from '../../parts/Term.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { model, reloadPools, reloadVms } from '../../state/host.ts';
import { attempt } from '../../state/notices.ts';
import type { Row } from '../../state/poolTree.ts';
import { pool as says } from '../../words/figures.ts';
import { link } from '../../state/route.ts';

interface TreeRowProps {
  row: Row;
  toggle: (name: string) => void;
  edit: (pool: Pool) => void;
}

export function TreeRow({ row, toggle, edit }: TreeRowProps) {
  const indent = { '--depth': String(row.depth) };
  if (row.kind === 'vm') {
    const { vm } = row;
    return (
      <tr>
        <th scope="row" style={indent}>
          <span class="called">
            <span class="leaf" aria-hidden="true" />
            <a href={link('vms', vm.name)} title={vm.name}>
              {vm.name}
            </a>
            <PowerPill power={vm.power} />
          </span>
        </th>
        <td class="right">
          <Size bytes={vm.reservation_bytes} />
        </td>
        <td class="right">–</td>
        <td class="right">
          <Size bytes={vm.limit_bytes} none="no limit" />
        </td>
        <td class="right">{vm.shares}</td>
        <td class="right">
          <Size bytes={vm.memory?.entitlement_bytes} />
        </td>
        <td class="right">
          <Size bytes={vm.memory?.consumed_bytes} />
        </td>
        <td class="right">
          <Needs role="administer">
            <PlaceOf vm={vm} />
          </Needs>
        </td>
      </tr>
    );
  }
  const { pool } = row;
  const figures = model.value?.status.pools.find((one) => one.name === pool.name);
  return (
    <tr class="pool">
      <th scope="row" style={indent}>
        <button type="button" class="plain twist" aria-expanded={row.open} aria-label={`What is in ${pool.name}`} onClick={() => toggle(pool.name)}>
          {row.open ? '▾' : '▸'}
        </button>
        <strong>{pool.name}</strong> <span class="hint">{row.members === 1 ? '1 VM' : `${row.members} VMs`}</span>{' '}
        {pool.expandable && <Term class="hint" says={says.expandable}>expandable</Term>}
      </th>
      <td class="right">
        <Size bytes={pool.reservation_bytes} />
      </td>
      <td class="right">
        <Size bytes={figures?.reservation_used_bytes ?? pool.reservation_used_bytes} />
      </td>
      <td class="right">
        <Size bytes={pool.limit_bytes} none="no limit" />
      </td>
      <td class="right">{pool.shares}</td>
      <td class="right">
        <Size bytes={figures?.entitlement_bytes} />
      </td>
      <td class="right">
        <Size bytes={row.consumed} />
      </td>
      <td class="right">
        <Needs role="administer">
          <button type="button" class="plain" aria-label={`Edit ${pool.name}`} onClick={() => edit(pool)}>
            Edit…
          </button>
        </Needs>
      </td>
    </tr>
  );
}

/** The pool of a VM, and the choice of another. */
function PlaceOf({ vm }: { vm: Vm }) {
  const pools = model.value?.pools ?? [];
  if (pools.length === 0) return null;
  const move = (pool: string | null): void =>
    void attempt(async () => {
      await call('PATCH /v1/vms/{name}', { params: { name: vm.name }, body: { pool } });
      reloadVms();
      reloadPools();
      return pool ? `Moved ${vm.name} to ${pool}.` : `Moved ${vm.name} out of its pool.`;
    });
  return (
    <select aria-label={`Resource pool of ${vm.name}`} value={vm.pool ?? ''} onChange={(event) => move(event.currentTarget.value || null)}>
      <option value="">on the host</option>
      {pools.map((pool) => (
        <option key={pool.name} value={pool.name}>
          in {pool.name}
        </option>
      ))}
    </select>
  );
}

// All VMs, sorted by any column.

import { useState } from 'preact/hooks';
import type { Vm } from '../../api/schema.ts';
import { VmAlarms } from '../../parts/AlarmMarks.tsx';
import { Empty } from '../../parts/Waiting.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { link } from '../../state/route.ts';
import { CreateVm } from './CreateVm.tsx';
import { columns, sorted, type Order } from './columns.tsx';

export function VmTable({ vms }: { vms: readonly Vm[] }) {
  const [order, setOrder] = useState<Order>({ by: 'name', down: false });
  const [filter, setFilter] = useState('');
  const [creating, setCreating] = useState(false);
  const wanted = vms.filter((vm) => vm.name.toLowerCase().includes(filter.toLowerCase()));
  return (
    <section class="card" aria-labelledby="vms-title">
      <header class="chart-head">
        <h2 id="vms-title">
          Virtual machines <span class="tally">{vms.length}</span>
        </h2>
        <input
          type="search"
          aria-label="Filter by name"
          placeholder="Filter by name"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <Needs role="administer">
          <button type="button" onClick={() => setCreating(true)}>
            Create…
          </button>
        </Needs>
      </header>
      {creating && <CreateVm close={() => setCreating(false)} />}
      {vms.length === 0 ? (
        <Empty>There is no VM yet.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="vms-title">
          <table class="vms">
            <Head order={order} change={setOrder} />
            <tbody>
              {sorted(wanted, order).map((vm) => (
                <Row key={vm.name} vm={vm} />
              ))}
            </tbody>
          </table>
          {wanted.length === 0 && <Empty>No VM’s name contains “{filter}”.</Empty>}
        </div>
      )}
    </section>
  );
}

function Head({ order, change }: { order: Order; change: (order: Order) => void }) {
  return (
    <thead>
      <tr>
        {columns.map(({ key, label, title, figure }) => {
          const by = order.by === key;
          // Figures are looked at from the largest down.
          const next = { by: key, down: by ? !order.down : figure };
          return (
            <th key={key} scope="col" class={figure ? 'right' : ''} aria-sort={by ? (order.down ? 'descending' : 'ascending') : undefined}>
              <button type="button" class="sort" title={title} onClick={() => change(next)}>
                {label}
                <span aria-hidden="true">{by ? (order.down ? '▾' : '▴') : ''}</span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

const Row = ({ vm }: { vm: Vm }) => (
  <tr class={vm.power === 'stopped' ? 'off' : ''}>
    {columns.map(({ key, figure, show }) =>
      key === 'name' ? (
        <th key={key} scope="row">
          <a href={link('vms', vm.name)}>{vm.name}</a>
          <VmAlarms name={vm.name} />
        </th>
      ) : (
        <td key={key} class={figure ? 'right number' : ''}>
          {show(vm)}
        </td>
      ),
    )}
  </tr>
);

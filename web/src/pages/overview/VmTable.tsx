// All VMs, sorted by any column.

import { useState } from 'preact/hooks';
import type { Vm } from '../../api/schema.ts';
import { VmAlarms } from '../../parts/AlarmMarks.tsx';
import { Empty } from '../../parts/Waiting.tsx';
import { Needs } from '../../parts/Needs.tsx';
import { useMeaning } from '../../parts/Term.tsx';
import { shownColumns } from '../../state/columns.ts';
import { link } from '../../state/route.ts';
import { ColumnChooser } from './ColumnChooser.tsx';
import { CreateVm } from './CreateVm.tsx';
import { columns, sorted, type Column, type Order } from './columns.tsx';

export function VmTable({ vms }: { vms: readonly Vm[] }) {
  const [order, setOrder] = useState<Order>({ by: 'name', down: false });
  const [filter, setFilter] = useState('');
  const [creating, setCreating] = useState(false);
  const shown = columns.filter(({ key }) => shownColumns.value.has(key));
  const wanted = vms.filter((vm) => vm.name.toLowerCase().includes(filter.toLowerCase()));
  return (
    <section class="card" aria-labelledby="vms-title">
      <header class="chart-head">
        <h2 id="vms-title">
          Virtual machines <span class="tally">{vms.length}</span>
        </h2>
        {vms.length > 0 && (
          <>
            <input
              type="search"
              aria-label="Filter by name"
              placeholder="Filter by name"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
            <ColumnChooser />
          </>
        )}
        <Needs role="administer">
          <button type="button" onClick={() => setCreating(true)}>
            Create…
          </button>
        </Needs>
      </header>
      {creating && <CreateVm close={() => setCreating(false)} />}
      {vms.length === 0 ? (
        <Empty>
          There is no VM yet. <Needs role="administer">Create one here, or with <code>memtide create</code>.</Needs>
        </Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="vms-title">
          <table class="vms">
            <thead>
              <tr>
                {shown.map((column) => (
                  <Head key={column.key} column={column} order={order} change={setOrder} />
                ))}
              </tr>
            </thead>
            <tbody>
              {sorted(wanted, order).map((vm) => (
                <Row key={vm.name} vm={vm} shown={shown} />
              ))}
            </tbody>
          </table>
          {wanted.length === 0 && <Empty>No VM’s name contains “{filter}”.</Empty>}
        </div>
      )}
    </section>
  );
}

interface HeadProps {
  column: Column;
  order: Order;
  change: (order: Order) => void;
}

/** Sorts. What the column means opens beside it as well, so that it takes no button of its own. */
function Head({ column: { key, label, says, figure }, order, change }: HeadProps) {
  const { button, show } = useMeaning(says);
  const by = order.by === key;
  const press = (): void => {
    // Figures are looked at from the largest down.
    change({ by: key, down: by ? !order.down : figure });
    show(false);
  };
  return (
    <th scope="col" class={`of-${key} ${figure ? 'right' : ''}`} aria-sort={by ? (order.down ? 'descending' : 'ascending') : undefined}>
      <button type="button" class="sort" {...button} onClick={press}>
        <span class="word">{label}</span>
        <span class="arrow" aria-hidden="true">
          {by ? (order.down ? '▾' : '▴') : ''}
        </span>
      </button>
    </th>
  );
}

const Row = ({ vm, shown }: { vm: Vm; shown: readonly Column[] }) => (
  <tr class={vm.power === 'stopped' || vm.power === 'unreadable' ? 'off' : ''}>
    {shown.map(({ key, figure, show }) =>
      key === 'name' ? (
        <th key={key} scope="row">
          <span class="called">
            <a href={link('vms', vm.name)} title={vm.name}>
              {vm.name}
            </a>
            <VmAlarms name={vm.name} />
          </span>
        </th>
      ) : (
        <td key={key} class={`of-${key} ${figure ? 'right number' : ''}`}>
          {show(vm)}
        </td>
      ),
    )}
  </tr>
);

// A whole, divided: a stacked bar, its legend with the figures, and the same as a table.

import { useState } from 'preact/hooks';
import { exact, size } from '../format/size.ts';
import { percent } from '../format/text.ts';
import { Size } from '../parts/Size.tsx';
import { Term } from '../parts/Term.tsx';
import { Table, type Column } from '../parts/Table.tsx';
import type { Part } from '../state/composition.ts';
import { TableSwitch } from './TableSwitch.tsx';

interface Props {
  title: string;
  parts: readonly Part[];
}

export function CompositionBar({ title, parts }: Props) {
  const [asTable, setAsTable] = useState(false);
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  return (
    <section class="composition">
      <header class="chart-head">
        <h2>{title}</h2>
        <TableSwitch of={title} on={asTable} change={setAsTable} />
      </header>
      {asTable ? (
        <PartsTable title={title} parts={parts} total={total} />
      ) : (
        <>
          <Stacked parts={parts} total={total} />
          <ul class="legend">
            {parts.map((part) => (
              <li key={part.key}>
                <span class="swatch" style={{ background: `var(${part.colour})` }} />
                <span class="label">
                  <Term says={`${part.meaning}\n${exact(part.bytes)}, ${percent(total > 0 ? part.bytes / total : 0)}`}>{part.label}</Term>
                </span>
                <span class="number">{size(part.bytes)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** The bar alone, as wide as there is room. What it says has to be said beside it in words. */
export function Stacked({ parts, total, small = false }: { parts: readonly Part[]; total: number; small?: boolean }) {
  return (
    <div class={small ? 'stacked small' : 'stacked'} aria-hidden="true">
      {parts
        .filter((part) => part.bytes > 0)
        .map((part) => (
          <span
            key={part.key}
            title={`${part.label}: ${size(part.bytes)}`}
            style={{ flexGrow: String(total > 0 ? part.bytes / total : 0), background: `var(${part.colour})` }}
          />
        ))}
    </div>
  );
}

function PartsTable({ title, parts, total }: Props & { total: number }) {
  const columns: readonly Column<Part>[] = [
    { head: 'What', cell: (part) => part.label },
    { head: 'Size', figures: true, cell: (part) => <Size bytes={part.bytes} /> },
    { head: 'Part', figures: true, cell: (part) => percent(total > 0 ? part.bytes / total : 0) },
    { head: 'Meaning', cell: (part) => part.meaning },
  ];
  return <Table label={{ text: title }} columns={columns} rows={parts} rowKey={(part) => part.key} />;
}

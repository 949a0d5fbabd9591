// A whole, divided: a stacked bar, its legend with the figures, and the same as a table.

import { useState } from 'preact/hooks';
import { exact, size } from '../format/size.ts';
import { percent } from '../format/text.ts';
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
              <li key={part.key} title={`${part.meaning}: ${exact(part.bytes)}`}>
                <span class="swatch" style={{ background: `var(${part.colour})` }} />
                <span class="label">{part.label}</span>
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
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={title}>
      <table>
        <caption class="unseen">{title}</caption>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" class="right">
              Size
            </th>
            <th scope="col" class="right">
              Part
            </th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part) => (
            <tr key={part.key}>
              <th scope="row">{part.label}</th>
              <td class="right number" title={exact(part.bytes)}>
                {size(part.bytes)}
              </td>
              <td class="right number">{percent(total > 0 ? part.bytes / total : 0)}</td>
              <td>{part.meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

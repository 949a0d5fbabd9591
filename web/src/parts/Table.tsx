import type { ComponentChildren } from 'preact';
import { Term } from './Term.tsx';

/** The first column names its row. */
export interface Column<Row> {
  head: string;
  /** What the column is about. */
  says?: string;
  /** Figures, which stand one below the other. */
  figures?: boolean;
  cell: (row: Row, index: number) => ComponentChildren;
}

interface Props<Row> {
  /** What the table is of, or the element that says so. */
  label: { text: string } | { id: string };
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row, index: number) => string | number;
  /** Of the frame that it moves in. */
  class?: string;
}

const place = (figures: boolean | undefined) => (figures ? 'right number' : undefined);

/** A table that is only looked at. Where it is wide it moves in its frame, by keys too. */
export function Table<Row>({ label, columns, rows, rowKey, class: extra = '' }: Props<Row>) {
  const named = 'id' in label ? { 'aria-labelledby': label.id } : { 'aria-label': label.text };
  const [first, ...others] = columns;
  return (
    <div class={`scroll ${extra}`} tabIndex={0} role="group" {...named}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" class={column.figures ? 'right' : undefined}>
                {column.says ? <Term says={column.says}>{column.head}</Term> : column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={rowKey(row, index)}>
              <th scope="row" class={first?.figures ? 'number' : undefined}>
                {first?.cell(row, index)}
              </th>
              {others.map((column) => (
                <td key={column.head} class={place(column.figures)}>
                  {column.cell(row, index)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

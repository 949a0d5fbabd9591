import { clock } from '../format/text.ts';
import { exact } from '../format/size.ts';
import { Table, type Column } from '../parts/Table.tsx';
import { spread, type Line } from './data.ts';

const ROWS = 30;

interface Props {
  title: string;
  times: readonly number[];
  lines: readonly Line[];
  format: (value: number) => string;
}

/** A chart in figures, newest first. */
export function HistoryTable({ title, times, lines, format }: Props) {
  const columns: readonly Column<number>[] = [
    { head: 'Time', figures: true, cell: (index) => clock((times[index] ?? 0) * 1000) },
    ...lines.map(({ label, says, values }) => ({
      head: label,
      says,
      figures: true,
      cell: (index: number) => {
        const value = values[index] ?? null;
        return value === null ? '–' : <span title={exact(value)}>{format(value)}</span>;
      },
    })),
  ];
  return (
    <Table
      label={{ text: `${title}, as a table` }}
      columns={columns}
      rows={spread(times.length, ROWS)}
      rowKey={(index) => times[index] ?? index}
      class="history"
    />
  );
}

import { clock } from '../format/text.ts';
import { exact } from '../format/size.ts';
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
  return (
    <div class="scroll history" tabIndex={0} role="group" aria-label={`${title}, as a table`}>
      <table>
        <caption class="unseen">{title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map((line) => (
              <th key={line.key} scope="col" class="right">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {spread(times.length, ROWS).map((index) => (
            <tr key={times[index]}>
              <th scope="row" class="number">
                {clock((times[index] ?? 0) * 1000)}
              </th>
              {lines.map((line) => {
                const value = line.values[index] ?? null;
                return (
                  <td key={line.key} class="right number" title={value === null ? undefined : exact(value)}>
                    {value === null ? '–' : format(value)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// Figures over time. uPlot draws; title, legend with the figures under the cursor, and the table are ours.

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { exact } from '../format/size.ts';
import { clock } from '../format/text.ts';
import { Term } from '../parts/Term.tsx';
import { theme } from '../state/theme.ts';
import { dashed, stack, type Column, type Line } from './data.ts';
import { HistoryTable } from './HistoryTable.tsx';
import { options } from './options.ts';
import { TableSwitch } from './TableSwitch.tsx';

export interface ChartProps {
  title: string;
  /** Seconds since 1970. */
  times: number[];
  lines: readonly Line[];
  /** Lines are parts of a whole, drawn upon each other. */
  stacked?: boolean;
  format: (value: number) => string;
  /** Charts with the same word move their cursors together. */
  linked?: string;
}

export function Chart({ title, times, lines, stacked = false, format, linked }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [asTable, setAsTable] = useState(false);
  const [cursor, setCursor] = useState<number | null>(null);
  const kind = lines.map((line) => line.key).join();
  const colours = theme.value;

  const columns = lines.map((line) => line.values);
  const drawn: uPlot.AlignedData = [times, ...(stacked ? stack(columns) : columns)];
  const latest = useRef(drawn);
  latest.current = drawn;

  useEffect(() => {
    const element = box.current;
    if (!element || asTable) return undefined;
    const built = new uPlot(
      options({ element, lines, stacked, format, linked, onCursor: setCursor }),
      latest.current,
      element,
    );
    plot.current = built;
    const room = new ResizeObserver(() => built.setSize({ width: element.clientWidth, height: element.clientHeight }));
    room.observe(element);
    return () => {
      room.disconnect();
      built.destroy();
      plot.current = null;
    };
    // Colours are read once, when it is built.
  }, [asTable, kind, colours, stacked, linked]);

  useEffect(() => plot.current?.setData(drawn));

  const shown = cursor !== null && cursor < times.length ? cursor : times.length - 1;
  return (
    <section class="chart">
      <header class="chart-head">
        <h3>{title}</h3>
        <span class="at number">{cursor !== null && times[shown] ? clock(times[shown] * 1000) : ''}</span>
        <TableSwitch of={title} on={asTable} change={setAsTable} />
      </header>
      {asTable ? (
        <HistoryTable title={title} times={times} lines={lines} format={format} />
      ) : (
        <>
          <div
            ref={box}
            class="plot"
            role="img"
            aria-label={`${title}, over time. Arrow keys move the cursor.`}
            tabIndex={0}
            onKeyDown={(event) => plot.current && step(plot.current, event, shown)}
            onBlur={() => setCursor(null)}
          />
          <Legend lines={lines} stacked={stacked} columns={columns} at={shown} format={format} />
        </>
      )}
    </section>
  );
}

/** Left and right arrows move the cursor, and that of linked charts. */
function step(plot: uPlot, event: KeyboardEvent, at: number): void {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const times = plot.data[0];
  const next = Math.min(times.length - 1, Math.max(0, at + by * (event.shiftKey ? 10 : 1)));
  const time = times[next];
  if (time === undefined) return;
  // The third argument, which its types lack, tells linked charts.
  const setCursor: (at: { left: number; top: number }, fire: boolean, publish: boolean) => void = plot.setCursor;
  setCursor({ left: plot.valToPos(time, 'x'), top: plot.over.clientHeight / 2 }, true, true);
}

interface LegendProps {
  lines: readonly Line[];
  stacked: boolean;
  columns: readonly Column[];
  at: number;
  format: (value: number) => string;
}

const Legend = ({ lines, stacked, columns, at, format }: LegendProps) => (
  <ul class="legend">
    {lines.map((line, index) => {
      const value = columns[index]?.[at] ?? null;
      return (
        <li key={line.key}>
          {stacked ? (
            <span class="swatch" style={{ background: `var(${line.colour})` }} />
          ) : (
            <span class="swatch line" style={{ background: dashed(index, `var(${line.colour})`) }} />
          )}
          <span class="label">
            <Term says={value === null ? line.says : `${line.says}\n${exact(value)}`}>{line.label}</Term>
          </span>
          <span class="number">{value === null ? '–' : format(value)}</span>
        </li>
      );
    })}
  </ul>
);

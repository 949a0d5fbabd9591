// How uPlot is to draw: in the page's colours, with binary sizes at the axis.

import type uPlot from 'uplot';
import { clock } from '../format/text.ts';
import { binarySteps, dashes, type Line } from './data.ts';

/** What an axis reaches at least, so that nothing does not look like something. */
const LEAST_SCALE = 64 * 1024;
/** Pixels between two marks of an axis. */
const LEAST_APART = 30;

interface Wanted {
  element: HTMLElement;
  lines: readonly Line[];
  stacked: boolean;
  format: (value: number) => string;
  linked: string | undefined;
  onCursor: (index: number | null) => void;
}

export function options({ element, lines, stacked, format, linked, onCursor }: Wanted): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (property: string): string => style.getPropertyValue(property).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = {
    stroke: colour('--text-soft'),
    font,
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
      ...(linked ? { sync: { key: linked } } : {}),
    },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(most * 1.05, LEAST_SCALE)] } },
    axes: [
      { ...axis, size: 28, space: 90, values: (_, times) => times.map((time) => clock(time * 1000)) },
      {
        ...axis,
        size: 68,
        space: 32,
        splits: (plot, _, least, most, increment) =>
          binarySteps(least, most, Math.max(increment, (most - least) / (plot.bbox.height / devicePixelRatio / LEAST_APART))),
        values: (_, marks) => marks.map(format),
      },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: stacked ? 0 : 1.75,
        ...(stacked ? {} : { dash: [...(dashes[index % dashes.length] ?? [])] }),
        points: { show: false },
        spanGaps: false,
        ...(stacked ? { fill: colour(line.colour) } : {}),
      })),
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

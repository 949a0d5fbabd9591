import type { HostStatus } from '../../api/schema.ts';
import { Fact, Facts, SizeFact } from '../../parts/Facts.tsx';
import { Size } from '../../parts/Size.tsx';
import { ExplainedState } from '../../parts/State.tsx';
import { size } from '../../format/size.ts';
import { Term } from '../../parts/Term.tsx';
import { beginsBelow, better, states, worse } from '../../state/hostState.ts';
import { host } from '../../words/figures.ts';
import { hostStates } from '../../words/values.ts';

/** The host's state, how it got its name, and how far it is to the next. */
export function HostStateCard({ status }: { status: HostStatus }) {
  const down = worse(status);
  const up = better(status);
  const slowed = status.vms.filter((vm) => vm.slowed).length;
  return (
    <section class="card state-card" aria-labelledby="state-title">
      <header class="chart-head">
        <h2 id="state-title">State of memory</h2>
        <ExplainedState state={status.state} spent={status.state_seconds} />
      </header>
      <p class="figure">
        <Size bytes={status.ledger.free_bytes} /> <span class="unit">
          <Term says={host.free}>free</Term>
        </span>
      </p>
      <p class="soft doing">{hostStates[status.state]}</p>
      <Gauge status={status} />
      <Facts>
        <SizeFact name="Aimed at" says={host.aim} bytes={status.thresholds.high_bytes} />
        <Fact name="Slowed VMs" says={host.slowed}>
          <span class={slowed > 0 ? 'slowed' : ''}>{slowed}</span>
        </Fact>
        {down && <SizeFact name={`Until ${down.state}`} says={host.until} bytes={down.bytes} />}
        {up && <SizeFact name={`Back to ${up.state} above`} says={host.back} bytes={up.above} />}
      </Facts>
    </section>
  );
}

const WIDTH = 400;

/** Free memory against the thresholds. The scale ends at twice the memory wanted free; what is more does not matter here. */
function Gauge({ status }: { status: HostStatus }) {
  const end = status.thresholds.clear_bytes * 2;
  const at = (bytes: number): number => Math.min(1, bytes / end) * WIDTH;
  const free = status.ledger.free_bytes;
  const marks = states.flatMap((state) => {
    const bytes = beginsBelow(state, status);
    return bytes === null ? [] : [{ state, bytes }];
  });
  const text = marks.map(({ state, bytes }) => `${state} below ${size(bytes)}`).join(', ');
  return (
    <svg class="gauge" viewBox={`0 0 ${WIDTH} 62`} role="img" aria-label={`${size(free)} free; ${text}`}>
      <rect class="track" x="0" y="22" width={WIDTH} height="14" rx="3" />
      {marks.map(({ state, bytes }) => (
        <rect key={state} class={`zone state-${state}`} x="0" y="22" width={at(bytes)} height="14" rx="3" />
      ))}
      <g class="marks">
        {marks.map(({ state, bytes }) => (
          <g key={state}>
            <title>{`${state} below ${size(bytes)}`}</title>
            <line x1={at(bytes)} x2={at(bytes)} y1="20" y2="40" />
            <text x={at(bytes)} y="54">
              {state}
            </text>
          </g>
        ))}
      </g>
      <path class="needle" d={`M${at(free)} 20l-6-10h12zM${at(free) - 1} 20h2v18h-2z`} />
    </svg>
  );
}

// One VM: what its guest sees and what the host sees of it, its controls, its processors, its console.

import type { Vm } from '../../api/schema.ts';
import { ExplainedPower } from '../../parts/State.tsx';
import { Term } from '../../parts/Term.tsx';
import { SeverityMark } from '../../parts/AlarmMarks.tsx';
import { hindrances } from '../../words/values.ts';
import { Empty } from '../../parts/Waiting.tsx';
import { may } from '../../state/caller.ts';
import { link } from '../../state/route.ts';
import { findVm } from '../../state/host.ts';
import { Missing } from '../Missing.tsx';
import { Actions } from './Actions.tsx';
import { AllocationEditor } from './AllocationEditor.tsx';
import { Console } from './Console.tsx';
import { Memory } from './Memory.tsx';
import { Mmu } from './Mmu.tsx';
import { PowerSettings } from './PowerSettings.tsx';
import { Troubles } from './Troubles.tsx';
import { VmSettings } from './VmSettings.tsx';

const views: readonly [string, string, (vm: Vm) => preact.ComponentChildren][] = [
  ['memory', 'Memory', (vm) => <Memory vm={vm} />],
  ['allocation', 'Allocation', (vm) => <AllocationEditor key={vm.name} vm={vm} />],
  ['mmu', 'Processors and MMU', (vm) => <Mmu vm={vm} />],
  ['power', 'Power', (vm) => <PowerSettings vm={vm} />],
  ['settings', 'Settings', (vm) => <VmSettings key={vm.name} vm={vm} />],
  ['console', 'Console', (vm) => <ConsoleOf vm={vm} />],
];

export function VmPage({ name, view }: { name: string; view: string }) {
  const vm = findVm(name);
  const shown = views.find(([key]) => key === view);
  if (!vm) return <Missing what={`a VM called ${name}`} />;
  if (!shown) return <Missing what={`a page called ${view} of ${name}`} />;
  return (
    <>
      <header class="page-head">
        <div>
          <p class="crumb">
            <a href="#/">Virtual machines</a>
          </p>
          <h1>
            {name} <ExplainedPower power={vm.power} />
            {vm.memory?.slowed && <Hindrance word="slowed" says={hindrances.slowed} />}
            {vm.memory?.allowance === 'waits' && <Hindrance word="held back" says={hindrances.waits} />}
            {vm.memory?.allowance === 'frozen' && <Hindrance word="frozen" says={hindrances.frozen} />}
          </h1>
        </div>
        <Actions vm={vm} />
      </header>
      <Troubles vm={vm} />
      <nav class="tabs" aria-label={`Pages of ${name}`}>
        {views.map(([key, label]) => (
          <a key={key} href={link('vms', name, key)} aria-current={key === view ? 'page' : undefined}>
            {label}
          </a>
        ))}
        <a href={link('map', name)}>Map</a>
      </nav>
      {shown[2](vm)}
    </>
  );
}

/** Why it is slower than it could be. */
const Hindrance = ({ word, says }: { word: string; says: string }) => (
  <Term class="pill severity-warning" says={says}>
    <SeverityMark severity="warning" />
    <span class="word">{word}</span>
  </Term>
);

/** What a guest says may be meant only for who types to it. */
const ConsoleOf = ({ vm }: { vm: Vm }) =>
  may('operate') ? (
    <Console name={vm.name} />
  ) : (
    <section class="card">
      <h2>Console</h2>
      <Empty>
        To see what the guest says, and to type to it, takes the role <em>operate</em>.
      </Empty>
    </section>
  );

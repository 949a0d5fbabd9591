// A VM's memory in its three address spaces: what leads where, and any address followed step by step.

import { useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { TableSwitch } from '../../charts/TableSwitch.tsx';
import { count } from '../../format/text.ts';
import { Empty, Failed } from '../../parts/Waiting.tsx';
import { findVm, vms } from '../../state/host.ts';
import type { Layout } from '../../state/picture.ts';
import { Segments } from '../../parts/Segments.tsx';
import { useLoaded } from '../../state/loaded.ts';
import { link, route, setQuery } from '../../state/route.ts';
import { Missing } from '../Missing.tsx';
import { Follow } from './Follow.tsx';
import { MapPicture } from './MapPicture.tsx';
import { MapTable } from './MapTable.tsx';

const layouts = [
  ['order', 'In order'],
  ['scale', 'To scale'],
] as const;

const PERIOD = 2000;
const PAGES = 48;

export function MemoryMap({ name }: { name: string | null }) {
  const running = vms.value.filter((vm) => vm.power === 'running' || vm.power === 'paused');
  const shown = name ?? running[0]?.name;
  if (name && !findVm(name)) return <Missing what={`a VM called ${name}`} />;
  return (
    <>
      <header class="page-head">
        <h1>Memory map</h1>
        <label class="inline">
          <span>VM</span>
          <select value={shown ?? ''} onChange={(event) => (location.hash = link('map', event.currentTarget.value))}>
            {running.every((vm) => vm.name !== shown) && <option value={shown ?? ''}>{shown ?? 'none'}</option>}
            {running.map((vm) => (
              <option key={vm.name} value={vm.name}>
                {vm.name}
              </option>
            ))}
          </select>
        </label>
      </header>
      {running.some((vm) => vm.name === shown) && shown ? (
        <Shown key={shown} name={shown} cpus={findVm(shown)?.cpus ?? 1} />
      ) : (
        <section class="card">
          <Empty>{shown ? `${shown} does not run, so nothing is mapped.` : 'No VM runs, so nothing is mapped.'}</Empty>
        </section>
      )}
    </>
  );
}

function Shown({ name, cpus }: { name: string; cpus: number }) {
  const [live, setLive] = useState(true);
  const [asTable, setAsTable] = useState(false);
  const [layout, setLayout] = useState<Layout>('order');
  const [cpu, setCpu] = useState(0);
  const gva = route.value.query.get('gva');
  const { value, problem, again } = useLoaded(
    `${name} ${cpu}`,
    async (signal) => (await call('GET /v1/vms/{name}/map', { params: { name }, query: { cpu, pages: PAGES }, signal })).answer,
    live ? PERIOD : 0,
  );
  const follow = (address: string): void => setQuery('gva', address);
  return (
    <>
      <section class="card" aria-labelledby="map-title">
        <header class="chart-head">
          <h2 id="map-title">Guest virtual → guest physical → machine</h2>
          {cpus > 1 && (
            <select aria-label="vCPU" value={cpu} onChange={(event) => setCpu(Number(event.currentTarget.value))}>
              {Array.from({ length: cpus }, (_, index) => (
                <option key={index} value={index}>
                  vCPU {index}
                </option>
              ))}
            </select>
          )}
          {!asTable && <Segments legend="How memory is drawn" name="layout" options={layouts} value={layout} change={setLayout} />}
          <button type="button" aria-pressed={!live} onClick={() => setLive(!live)}>
            {live ? 'Hold still' : 'Go on'}
          </button>
          <TableSwitch of="Memory map" on={asTable} change={setAsTable} />
        </header>
        {problem && <Failed problem={problem} again={again} />}
        {value && (
          <>
            <p class="soft">
              Pages mapped: {count(value.mapped_pages)}, in the address space that vCPU {value.cpu} used ({value.space.mode}, ASID{' '}
              {value.space.asid}, root table at gfn <code>{value.space.root_table_gfn}</code>), translated in {value.technique};{' '}
              {value.sample.length} shown. Shadow entries of the vCPU, for all its address spaces: {count(value.shadow_entries)}.
            </p>
            {asTable ? (
              <MapTable map={value} followed={gva} follow={follow} />
            ) : (
              <MapPicture map={value} layout={layout} followed={gva} follow={follow} />
            )}
          </>
        )}
        {!value && !problem && <div class="ghost picture" />}
      </section>
      <Follow name={name} cpu={cpu} gva={gva} follow={follow} period={live ? PERIOD : 0} />
    </>
  );
}

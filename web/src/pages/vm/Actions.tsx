import { useState } from 'preact/hooks';
import type { Vm } from '../../api/schema.ts';
import { Confirm } from '../../parts/Dialog.tsx';
import { ExplainedButton } from '../../parts/Term.tsx';
import { deeds } from '../../words/figures.ts';
import { Needs } from '../../parts/Needs.tsx';
import { audit, pause, remove, restart, resume, start, stop, unswap } from '../../state/commands.ts';
import { RestartDialog, StopDialog } from './StopDialog.tsx';

/** What can be done to a VM, as a whole. */
export function Actions({ vm }: { vm: Vm }) {
  const [busy, setBusy] = useState<string | null>(null);
  const [asking, setAsking] = useState<'stop' | 'restart' | 'remove' | null>(null);
  const { name } = vm;
  const paused = vm.power === 'paused';
  const running = vm.power === 'running' || paused;
  const run = async (what: string, command: (name: string) => Promise<boolean>): Promise<void> => {
    setAsking(null);
    setBusy(what);
    if ((await command(name)) && what === 'remove') location.hash = '#/';
    setBusy(null);
  };
  const idle = busy === null;
  return (
    <div class="actions" aria-busy={!idle}>
      <Needs role="operate">
        {vm.power === 'stopped' || vm.power === 'unreadable' ? (
          <>
            <button type="button" class="primary" disabled={!idle || vm.power === 'unreadable'} onClick={() => void run('start', start)}>
              {busy === 'start' ? 'Starting…' : 'Start'}
            </button>
            <Needs role="administer">
              <button type="button" disabled={!idle} onClick={() => setAsking('remove')}>
                Remove…
              </button>
            </Needs>
          </>
        ) : (
          <>
            <ExplainedButton says={deeds.unswap} disabled={!idle || !running} press={() => void run('unswap', unswap)}>
              {busy === 'unswap' ? 'Bringing back…' : 'Unswap'}
            </ExplainedButton>
            <ExplainedButton says={deeds.audit} disabled={!idle || !running} press={() => void run('audit', audit)}>
              {busy === 'audit' ? 'Checking…' : 'Audit'}
            </ExplainedButton>
            {paused ? (
              <ExplainedButton says={deeds.resume} disabled={!idle} press={() => void run('resume', resume)}>
                {busy === 'resume' ? 'Resuming…' : 'Resume'}
              </ExplainedButton>
            ) : (
              <ExplainedButton says={deeds.pause} disabled={!idle || !running} press={() => void run('pause', pause)}>
                {busy === 'pause' ? 'Pausing…' : 'Pause'}
              </ExplainedButton>
            )}
            <button type="button" disabled={!idle || !running} onClick={() => setAsking('restart')}>
              {busy === 'restart' ? 'Restarting…' : 'Restart…'}
            </button>
            <button type="button" disabled={!idle || !running} onClick={() => setAsking('stop')}>
              {busy === 'stop' ? 'Stopping…' : 'Stop…'}
            </button>
          </>
        )}
      </Needs>
      {asking === 'stop' && (
        <StopDialog name={name} stop={(now) => void run('stop', () => stop(name, now))} close={() => setAsking(null)} />
      )}
      {asking === 'restart' && (
        <RestartDialog name={name} restart={(guest) => void run('restart', () => restart(name, guest))} close={() => setAsking(null)} />
      )}
      {asking === 'remove' && (
        <Confirm title={`Remove ${name}?`} yes="Remove it" confirm={() => void run('remove', remove)} close={() => setAsking(null)}>
          The host forgets the VM and its settings. Its kernel and disk files stay.
        </Confirm>
      )}
    </div>
  );
}

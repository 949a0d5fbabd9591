// When a VM is started without anybody doing so: with the host, and when its guest reboots or panics.

import type { Afterwards, Autostart, Vm, VmChange } from '../../api/schema.ts';
import { call } from '../../api/call.ts';
import { afterwards, autostarts } from '../../words/values.ts';
import { may } from '../../state/caller.ts';
import { reloadVms } from '../../state/host.ts';
import { attempt } from '../../state/notices.ts';

const keys = <Key extends string>(of: Record<Key, unknown>): Key[] => Object.keys(of) as Key[];

/** What a field says, as a number; `null` if it says nothing. */
const number = (text: string): number | null => (text.trim() === '' ? null : Number(text));

export function PowerSettings({ vm }: { vm: Vm }) {
  const fixed = !may('administer');
  const change = (body: VmChange, said: string): void => {
    void attempt(async () => {
      await call('PATCH /v1/vms/{name}', { params: { name: vm.name }, body });
      reloadVms();
      return said;
    });
  };
  return (
    <>
      <section class="card" aria-labelledby="autostart-title">
        <h2 id="autostart-title">Start with the host</h2>
        <fieldset class="choices">
          <legend class="unseen">Start with the host</legend>
          {keys<Autostart>(autostarts).map((key) => (
            <label key={key} class="choice">
              <input
                type="radio"
                name="autostart"
                value={key}
                checked={(vm.autostart ?? 'last') === key}
                disabled={fixed}
                onChange={() => change({ autostart: key }, `Whether ${vm.name} starts with the host is now: ${key}.`)}
              />
              <span>
                <strong>{autostarts[key][0]}</strong>
                <span class="hint">{autostarts[key][1]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <label class="field">
          <span>Order, the lowest first; empty: after those that have one</span>
          <input
            type="number"
            min="0"
            max="4294967295"
            value={vm.autostart_order ?? ''}
            disabled={fixed}
            onChange={(event) => change({ autostart_order: number(event.currentTarget.value) }, `The order of ${vm.name} is set.`)}
          />
        </label>
        <label class="field">
          <span>Seconds after it, before the next one’s turn</span>
          <input
            type="number"
            min="0"
            max="3600"
            value={vm.autostart_delay_seconds ?? 0}
            disabled={fixed}
            onChange={(event) => change({ autostart_delay_seconds: number(event.currentTarget.value) ?? 0 }, `The delay after ${vm.name} is set.`)}
          />
        </label>
      </section>
      <section class="card" aria-labelledby="afterwards-title">
        <h2 id="afterwards-title">When its guest ends by itself</h2>
        <Choice label="When it reboots" value={vm.on_reboot ?? 'restart'} fixed={fixed} choose={(on_reboot) => change({ on_reboot }, `When ${vm.name} reboots: ${on_reboot}.`)} />
        <Choice label="When it panics" value={vm.on_panic ?? 'keep'} fixed={fixed} choose={(on_panic) => change({ on_panic }, `When ${vm.name} panics: ${on_panic}.`)} />
      </section>
      {fixed && (
        <p class="hint told">
          To change this takes the role <em>administer</em>.
        </p>
      )}
    </>
  );
}

interface ChoiceProps {
  label: string;
  value: Afterwards;
  fixed: boolean;
  choose: (value: Afterwards) => void;
}

const Choice = ({ label, value, fixed, choose }: ChoiceProps) => (
  <label class="field">
    <span>{label}</span>
    <select value={value} disabled={fixed} onChange={(event) => choose(event.currentTarget.value as Afterwards)}>
      {keys<Afterwards>(afterwards).map((key) => (
        <option key={key} value={key}>
          {afterwards[key]}
        </option>
      ))}
    </select>
  </label>
);

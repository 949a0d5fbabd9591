// Alarms where they matter: by shape and word, and not by colour alone.

import type { Severity } from '../api/schema.ts';
import { counted, unseen, worst } from '../state/alarms.ts';
import { model } from '../state/host.ts';

const shapes: Record<Severity, string> = {
  warning: 'M10 2.500 18.500 17h-17zM9.200 8h1.600l-.3 4.500h-1zM9.200 13.500h1.600v1.600H9.200z',
  critical: 'M6.500 2h7L18 6.500v7L13.500 18h-7L2 13.500v-7zM9.100 5.500h1.800l-.3 6h-1.200zM9.100 12.700h1.800v1.800H9.100z',
};

/** A triangle for a warning, an octagon for what is critical. */
export const SeverityMark = ({ severity, label }: { severity: Severity; label?: string }) => (
  <svg class={`severity ${severity}`} viewBox="0 0 20 20" {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' })}>
    <path fill-rule="evenodd" d={shapes[severity]} />
  </svg>
);

/** What is wrong with a VM; nothing if nothing is. */
export function VmAlarms({ name }: { name: string }) {
  const alarms = (model.value?.alarms ?? []).filter((alarm) => alarm.vm === name);
  const severity = worst(alarms);
  return severity && <SeverityMark severity={severity} label={`${counted(alarms)}, ${severity}`} />;
}

/** How many alarms nobody has seen. */
export function UnseenAlarms() {
  const alarms = unseen(model.value?.alarms ?? []);
  const severity = worst(alarms);
  return (
    severity && (
      <span class={`badge ${severity}`}>
        {alarms.length}
        <span class="unseen"> {severity}, not acknowledged</span>
      </span>
    )
  );
}

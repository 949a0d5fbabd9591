// What is wrong with a VM, or may surprise: on each of its pages, with where to go for more. What comes and goes by the second is
// said beside its name instead, so that nothing moves.

import type { ComponentChildren } from 'preact';
import type { Severity, Vm } from '../../api/schema.ts';
import { SeverityMark } from '../../parts/AlarmMarks.tsx';
import { size } from '../../format/size.ts';
import { sentence } from '../../format/text.ts';
import { inOrder } from '../../state/alarms.ts';
import { model } from '../../state/host.ts';
import { link } from '../../state/route.ts';
import { ends } from '../../words/values.ts';

interface Line {
  key: string;
  severity: Severity | null;
  text: string;
  more?: ComponentChildren;
}

export function Troubles({ vm }: { vm: Vm }) {
  const alarms = inOrder(model.value?.alarms ?? []).filter((alarm) => alarm.vm === vm.name);
  const lines: Line[] = [...alarms.map(ofAlarm), ...ofVm(vm)];
  return lines.length === 0 ? null : (
    <ul class={`banner troubles ${lines.some(({ severity }) => severity === 'critical') ? 'bad' : ''}`} aria-label="What is to be looked at">
      {lines.map(({ key, severity, text, more }) => (
        <li key={key}>
          {severity ? <SeverityMark severity={severity} label={severity} /> : <span class="note" aria-hidden="true" />}
          <span>
            {text} {more}
          </span>
        </li>
      ))}
    </ul>
  );
}

const ofAlarm = ({ id, severity, text, rule, acknowledged }: ReturnType<typeof inOrder>[number]): Line => ({
  key: `alarm ${id}`,
  severity,
  text: `${sentence(text)}.`,
  more: (
    <span class="hint">
      Rule {rule}
      {acknowledged && `, seen by ${acknowledged.by}`}, <a href={`${link('alarms')}?id=${id}`} aria-label={`Alarm ${id}`}>alarm {id}</a>
    </span>
  ),
});

function ofVm({ name, trouble, unwritten, power, ended, reason, limit_bytes: limit, memory_bytes: whole, memory, swap_failure }: Vm): Line[] {
  const lines: Line[] = [];
  const failing = memory ? memory.swap_failure : swap_failure;
  if (power === 'unreadable') {
    lines.push({ key: 'unreadable', severity: 'critical', text: `Its file cannot be read, so nothing is known of it but its name: ${reason ?? ''}. Mend the file, which is noticed, or remove the VM.` });
  }
  if (trouble) lines.push({ key: 'trouble', severity: 'critical', text: `It is in trouble: ${trouble}.` });
  if (failing) {
    lines.push({ key: 'swap', severity: 'critical', text: `Its swap file does not take pages: ${failing}. What cannot be swapped has to stay in memory.` });
  }
  if (unwritten) {
    lines.push({ key: 'unwritten', severity: 'critical', text: `Whether it is to be on is not written down yet: ${unwritten}. Until it is, the host may forget it if it fails.` });
  }
  if (limit !== null && limit !== undefined && limit < whole) {
    lines.push({
      key: 'limit',
      severity: null,
      text: `Its limit of ${size(limit)} is below its size of ${size(whole)}: what it uses beyond is taken back even if memory is free.`,
      more: <a href={link('vms', name, 'allocation')}>Change it</a>,
    });
  }
  if (power === 'stopped' && ended) {
    lines.push({ key: 'ended', severity: null, text: `Its last run ended: ${ends[ended] ?? ended}${reason ? `, ${reason}` : ''}.` });
  }
  return lines;
}

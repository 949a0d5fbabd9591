import { useEffect, useState } from 'preact/hooks';
import { signOut, token } from '../api/session.ts';
import { sentence } from '../format/text.ts';
import { caller } from '../state/caller.ts';
import { connection, model } from '../state/host.ts';
import { route } from '../state/route.ts';
import { choice, choose, type Choice } from '../state/theme.ts';
import { UnseenAlarms } from './AlarmMarks.tsx';
import { ExplainedState } from './State.tsx';

const places = [
  ['', 'Overview', 'M3 3h6v6H3zM11 3h6v3h-6zM11 8h6v9h-6zM3 11h6v6H3z'],
  ['map', 'Memory map', 'M3 3h3v14H3zM8.5 6h3v11h-3zM14 3h3v14h-3zM6 6l2.5 3M11.500 12l2.5-4'],
  ['pools', 'Resource pools', 'M8 2h4v4H8zM3 14h4v4H3zM13 14h4v4h-4zM10 6v4M5 14v-4h10v4'],
  ['settings', 'Settings', 'M3 5h8M15 5h2M11 3v4M3 10h3M10 10h7M6 8v4M3 15h8M15 15h2M11 13v4'],
  ['alarms', 'Alarms', 'M10 3a5 5 0 0 1 5 5v4l2 3H3l2-3V8a5 5 0 0 1 5-5zM8 17h4'],
  ['events', 'Events', 'M4 3v14M4 6h12M4 10h9M4 14h6'],
  ['operations', 'Operations', 'M10 3a7 7 0 1 0 7 7M10 6v4l3 2M14 3l3 3-3 1z'],
] as const;

export function Sidebar() {
  const [open, setOpen] = useState(false);
  const here = route.value.path;
  useEffect(() => setOpen(false), [route.value]);
  const state = model.value?.status.state;
  // VMs are listed in the overview.
  const section = here[0] === 'vms' ? '' : (here[0] ?? '');
  return (
    <header class={`sidebar ${open ? 'open' : ''}`}>
      <div class="brand">
        <a href="#/" aria-label="Memtide, overview">
          <Mark />
          <span>Memtide</span>
        </a>
        {state && <ExplainedState state={state} />}
        <button type="button" class="menu" aria-expanded={open} aria-controls="places" onClick={() => setOpen(!open)}>
          Menu
        </button>
      </div>
      <div class="drawer" id="places">
        <nav aria-label="Pages">
          {places.map(([path, label, icon]) => (
            <a key={path} href={`#/${path}`} aria-current={section === path ? 'page' : undefined}>
              <svg viewBox="0 0 20 20" aria-hidden="true">
                <path d={icon} />
              </svg>
              {label}
              {path === 'alarms' && <UnseenAlarms />}
            </a>
          ))}
        </nav>
        <div class="foot">
          <Connected />
          <Themes />
          {caller.value && <p class="hint">{`${sentence(caller.value.who)} may ${caller.value.role}`}</p>}
          {token.value !== null && (
            <button type="button" class="plain" onClick={signOut}>
              Sign out
            </button>
          )}
        </div>
      </div>
    </header>
  );
}

const said = { connecting: 'Connecting', live: 'Live', lost: 'Disconnected' };

const Connected = () => (
  <p class={`connected ${connection.value.is}`}>
    <span class="dot" aria-hidden="true" />
    {said[connection.value.is]}
  </p>
);

const Themes = () => (
  <label class="themes">
    <span>Theme</span>
    <select value={choice.value} onChange={(event) => choose(event.currentTarget.value as Choice)}>
      <option value="system">As the system</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  </label>
);

const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" />
    <path d="M5 14c4-5 7-5 11 0s7 5 11 0M5 21c4-5 7-5 11 0s7 5 11 0" />
  </svg>
);

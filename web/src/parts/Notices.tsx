import { announcement, dismiss, notices } from '../state/notices.ts';

/** What came of commands, seen and read out; and what is only read out. */
export function Notices() {
  return (
    <>
      <div class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </div>
      <div class="notices" role="status" aria-live="polite">
        {notices.value.map(({ id, tone, text, hint }) => (
          <div key={id} class={`notice ${tone}`}>
            <div>
              <strong>{tone === 'bad' ? 'Not done: ' : ''}</strong>
              {text}
              {hint && <p class="hint">{hint}</p>}
            </div>
            <button type="button" class="plain" aria-label="Dismiss" onClick={() => dismiss(id)}>
              ×
            </button>
          </div>
        ))}
      </div>
    </>
  );
}

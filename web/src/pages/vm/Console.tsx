// The guest's serial console. Keys go to it while the screen has the focus; a line can be typed below as well.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ConsoleConnection } from '../../api/console.ts';
import { bytesOf, Terminal } from '../../state/terminal.ts';

const AGAIN = 1500;

export function Console({ name }: { name: string }) {
  const screen = useRef<HTMLPreElement>(null);
  const connection = useRef<ConsoleConnection | null>(null);
  const [text, setText] = useState('');
  const [live, setLive] = useState(false);

  useEffect(() => {
    let terminal = new Terminal();
    let decoder = new TextDecoder();
    let next = 0;
    let timer: ReturnType<typeof setTimeout>;
    let frame = 0;
    // However much is said, it is shown once for each picture.
    const show = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => setText(terminal.text));
    };
    const connect = (): void => {
      connection.current = new ConsoleConnection(name, next, {
        opened: () => setLive(true),
        said(bytes) {
          terminal.write(decoder.decode(bytes, { stream: true }));
          show();
        },
        gap() {
          terminal = new Terminal();
          decoder = new TextDecoder();
        },
        closed() {
          setLive(false);
          next = connection.current?.next ?? 0;
          timer = setTimeout(connect, AGAIN);
        },
      });
    };
    connect();
    return () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      connection.current?.close();
    };
  }, [name]);

  // It follows what is said, unless somebody reads further up.
  const followed = useRef(true);
  useEffect(() => {
    const element = screen.current;
    if (element && followed.current) element.scrollTop = element.scrollHeight;
  }, [text]);

  const type = (typed: string): void => connection.current?.type(typed);
  const key = (event: KeyboardEvent): void => {
    const typed = bytesOf(event);
    if (typed === null) return;
    event.preventDefault();
    type(typed);
  };
  const scrolled = ({ currentTarget: element }: { currentTarget: HTMLElement }): void => {
    followed.current = element.scrollTop + element.clientHeight >= element.scrollHeight - 24;
  };
  return (
    <section class="card console" aria-labelledby="console-title">
      <header class="chart-head">
        <h2 id="console-title">Console</h2>
        <p class={`connected ${live ? 'live' : 'lost'}`} role="status">
          <span class="dot" aria-hidden="true" />
          {live ? 'Live' : 'Not connected; trying again'}
        </p>
      </header>
      <pre
        ref={screen}
        class="screen"
        role="textbox"
        aria-multiline="true"
        aria-label={`Console of ${name}`}
        tabIndex={0}
        onKeyDown={key}
        onScroll={scrolled}
        onPaste={(event) => type(event.clipboardData?.getData('text') ?? '')}
      >
        {text}
      </pre>
      <Keys type={type} disabled={!live} />
      <p class="hint">Keys go to the guest while the screen has the focus. Tab leaves it.</p>
    </section>
  );
}

const extra = [
  ['Ctrl C', '\u0003'],
  ['Ctrl D', '\u0004'],
  ['Tab', '\t'],
  ['Esc', '\u001b'],
] as const;

/** For keyboards that lack keys, and for who would rather type a whole line. */
function Keys({ type, disabled }: { type: (typed: string) => void; disabled: boolean }) {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const line = new FormData(form).get('line');
    type(`${typeof line === 'string' ? line : ''}\r`);
    form.reset();
  };
  return (
    <form class="keys" onSubmit={submit}>
      <input name="line" aria-label="A line to type" placeholder="Type a line" autocomplete="off" autocapitalize="off" spellcheck={false} disabled={disabled} />
      <button type="submit" disabled={disabled}>
        Send
      </button>
      {extra.map(([label, typed]) => (
        <button key={label} type="button" disabled={disabled} onClick={() => type(typed)}>
          {label}
        </button>
      ))}
    </form>
  );
}

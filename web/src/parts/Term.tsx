// Words that can be explained. A meaning opens over the page where one points, focuses or taps, and closes with Escape or when
// one goes elsewhere; a screen reader has it read out. There is one box for all of them, so that hundreds of words cost nothing.

import { computed, signal } from '@preact/signals';
import type { ComponentChildren, RefObject, TargetedEvent } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { announce, hush } from '../state/notices.ts';
import { putBeside } from './beside.ts';

interface Open {
  at: HTMLElement;
  says: string;
  /** It was asked for, and does not go because the mouse does. */
  kept: boolean;
}

const open = signal<Open | null>(null);

/** A mouse that only passes by opens nothing; one on its way to the box may leave the word for so long. */
const REST = 250;
const LEAVE = 150;
let timer: ReturnType<typeof setTimeout> | undefined;

function soon(what: () => void, milliseconds: number): void {
  clearTimeout(timer);
  timer = setTimeout(what, milliseconds);
}

function close(): void {
  clearTimeout(timer);
  if (open.peek()) hush(open.peek()?.says ?? '');
  open.value = null;
}

function leave(event: PointerEvent): void {
  if (event.pointerType === 'mouse' && !open.peek()?.kept) soon(close, LEAVE);
}

type On<E extends Event> = (event: TargetedEvent<HTMLButtonElement, E>) => void;

interface Explained {
  ref: RefObject<HTMLButtonElement | null>;
  onPointerEnter: On<PointerEvent>;
  onPointerLeave: On<PointerEvent>;
  onFocus: On<FocusEvent>;
  onBlur: () => void;
}

/** What makes a button show a meaning, without doing anything else by it. */
export function useMeaning(says: string): { button: Explained; isOpen: boolean; show: (kept: boolean) => void } {
  const ref = useRef<HTMLButtonElement>(null);
  const isMine = useMemo(() => computed(() => open.value !== null && open.value.at === ref.current), []);
  const isOpen = isMine.value;
  const show = (kept: boolean): void => {
    clearTimeout(timer);
    if (ref.current && says) open.value = { at: ref.current, says, kept };
  };
  // What it says may hold a figure, which goes on.
  useEffect(() => {
    const now = open.peek();
    if (now && now.at === ref.current && now.says !== says) open.value = { ...now, says };
  }, [says]);
  useEffect(() => () => void (open.peek()?.at === ref.current && close()), []);
  const button: Explained = {
    ref,
    onPointerEnter: (event) => void (event.pointerType === 'mouse' && soon(() => open.peek()?.at !== ref.current && show(false), REST)),
    onPointerLeave: leave,
    onFocus: ({ currentTarget }) => {
      // Where a press has led to, the click decides.
      if (!currentTarget.matches(':focus-visible')) return;
      show(false);
      announce(says);
    },
    onBlur: close,
  };
  return { button, isOpen, show };
}

/** A word and its meaning. */
export function Term({ says, children, class: extra = '' }: { says: string; children: ComponentChildren; class?: string }) {
  const { button, isOpen, show } = useMeaning(says);
  const toggle = (): void => {
    if (isOpen && open.peek()?.kept) return close();
    show(true);
    announce(says);
  };
  return (
    <button type="button" class={`term ${extra}`} aria-expanded={isOpen} {...button} onClick={toggle}>
      {children}
    </button>
  );
}

interface ExplainedButtonProps {
  says: string;
  disabled?: boolean;
  press: () => void;
  children: ComponentChildren;
}

/** A button whose word does not say enough of what it does. */
export function ExplainedButton({ says, disabled = false, press, children }: ExplainedButtonProps) {
  const { button } = useMeaning(says);
  return (
    <button type="button" disabled={disabled} {...button} onClick={press}>
      {children}
    </button>
  );
}

/** The box that meanings are shown in. */
export function Meaning() {
  const box = useRef<HTMLDivElement>(null);
  const keepPlace = useRef<() => void>(() => undefined);
  const now = open.value;
  const at = now?.at;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !at) return undefined;
    // The figures that a word belongs to stay in sight: beside a whole fact, above the head of a column.
    const beside = at.closest('.facts > div') ?? at;
    const keep = (): void => putBeside(element, beside, at.closest('thead') ? 'above' : 'below');
    keepPlace.current = keep;
    const key = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      // A dialog it is in stays.
      event.preventDefault();
      close();
    };
    const press = ({ target }: PointerEvent): void => {
      if (target instanceof Node && !at.contains(target) && !element.contains(target)) close();
    };
    element.showPopover();
    addEventListener('scroll', keep, true);
    addEventListener('resize', keep);
    addEventListener('keydown', key, true);
    addEventListener('pointerdown', press, true);
    return () => {
      removeEventListener('scroll', keep, true);
      removeEventListener('resize', keep);
      removeEventListener('keydown', key, true);
      removeEventListener('pointerdown', press, true);
      element.hidePopover();
    };
  }, [at]);
  useLayoutEffect(() => {
    keepPlace.current();
  }, [now]);
  return (
    <div ref={box} class="meaning" popover="manual" aria-hidden="true" onPointerEnter={() => clearTimeout(timer)} onPointerLeave={leave}>
      {now?.says.split('\n').map((line) => <p key={line}>{line}</p>)}
    </div>
  );
}

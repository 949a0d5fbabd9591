import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
}

/** The browser's own dialog: it holds the focus, and Escape closes it. */
export function Dialog({ title, close, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class="card" aria-labelledby={id} onClose={close}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

export const Confirm = ({ title, yes, confirm, close, children }: Props & { yes: string; confirm: () => void }) => (
  <Dialog title={title} close={close}>
    <p>{children}</p>
    <div class="actions">
      <button type="button" onClick={close}>
        Cancel
      </button>
      <button type="button" class="danger" onClick={confirm}>
        {yes}
      </button>
    </div>
  </Dialog>
);

import { place, type Side } from '../state/place.ts';

/** Puts a box of the top layer beside what it belongs to. */
export function putBeside(box: HTMLElement, at: Element, side: Side = 'below'): void {
  const { left, top } = place(
    at.getBoundingClientRect(),
    { width: box.offsetWidth, height: box.offsetHeight },
    // The page's own width: without the room for a scroll bar.
    { width: document.documentElement.getBoundingClientRect().width, height: innerHeight },
    side,
  );
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}

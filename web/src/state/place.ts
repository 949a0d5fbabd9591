// Where a box is put beside what it belongs to, within what can be seen. Pure.

interface Size {
  width: number;
  height: number;
}

export type Side = 'below' | 'above';

const APART = 6;
const EDGE = 8;

/** On the side that is preferred, or on the other where there is no room; never beyond the edges. */
export function place(at: { left: number; top: number; bottom: number }, box: Size, view: Size, side: Side): { left: number; top: number } {
  const left = Math.max(EDGE, Math.min(at.left, view.width - box.width - EDGE));
  const below = at.bottom + APART;
  const above = at.top - APART - box.height;
  const isRoom = { below: below + box.height <= view.height - EDGE, above: above >= EDGE };
  const taken = isRoom[side] ? side : isRoom.below || !isRoom.above ? 'below' : 'above';
  return { left, top: taken === 'below' ? below : above };
}

// A resource pool is created, changed or removed.

import { useEffect, useId, useState } from 'preact/hooks';
import type { Pool, PoolSpec, Problem } from '../../api/schema.ts';
import { call, problemOf, Refusal } from '../../api/call.ts';
import { Dialog } from '../../parts/Dialog.tsx';
import { Failed } from '../../parts/Waiting.tsx';
import { SharesChoice } from '../../parts/SharesChoice.tsx';
import { SizeSlider } from '../../parts/SizeSlider.tsx';
import { sharesNumber } from '../../state/allocation.ts';
import { model, reloadPools, reloadVms } from '../../state/host.ts';
import { tell } from '../../state/notices.ts';
import { within } from '../../state/poolTree.ts';
import { pool as says } from '../../words/figures.ts';

interface Props {
  /** Null: a new one. */
  pool: Pool | null;
  close: () => void;
}

type Draft = Required<PoolSpec>;

/** A level of a resource pool stands for as many shares as that of a VM of this size. */
const STANDS_FOR = 16 * 2 ** 30;

const draftOf = (pool: Pool | null): Draft => ({
  name: pool?.name ?? '',
  parent: pool?.parent ?? null,
  reservation_bytes: pool?.reservation_bytes ?? 0,
  limit_bytes: pool?.limit_bytes ?? null,
  shares: pool?.shares ?? 'normal',
  expandable: pool?.expandable ?? true,
  scalable_shares: pool?.scalable_shares ?? true,
});

export function PoolDialog({ pool, close }: Props) {
  const [draft, setDraft] = useState(draftOf(pool));
  const [etag, setEtag] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const sharesId = useId();
  const name = pool?.name;
  const total = model.value?.status.ledger.total_bytes ?? 0;
  const parents = (model.value?.pools ?? []).filter((one) => !name || !within(name, model.value?.pools ?? []).has(one.name));

  const read = async (shown: Draft | null): Promise<void> => {
    if (!name) return;
    const { answer, etag: revision } = await call('GET /v1/pools/{name}', { params: { name } });
    // What was typed meanwhile stays, unless the pool is another than the one that is shown.
    if (JSON.stringify(draftOf(answer)) !== JSON.stringify(shown)) setDraft(draftOf(answer));
    setEtag(revision);
  };
  useEffect(() => void read(draftOf(pool)).catch((error: unknown) => setProblem(problemOf(error))), [name]);

  const run = async (what: () => Promise<string>): Promise<void> => {
    try {
      tell(await what());
      reloadPools();
      reloadVms();
      close();
    } catch (error) {
      setProblem(problemOf(error));
      // Somebody else was faster; what he has made of it is shown, and can be edited again.
      if (error instanceof Refusal && error.status === 412) await read(null).catch(() => undefined);
    }
  };
  const { name: typed, ...controls } = draft;
  const apply = (event: SubmitEvent): void => {
    event.preventDefault();
    void run(async () => {
      if (name) await call('PATCH /v1/pools/{name}', { params: { name }, body: controls, ifMatch: etag });
      else await call('POST /v1/pools', { body: draft });
      return name ? `${name} is changed.` : `${typed} is created.`;
    });
  };
  const remove = (): void =>
    void run(async () => {
      await call('DELETE /v1/pools/{name}', { params: { name: name ?? '' } });
      return `${name} is removed.`;
    });
  const limited = draft.limit_bytes !== null;
  return (
    <Dialog title={name ? `Resource pool ${name}` : 'Create a resource pool'} close={close}>
      <form onSubmit={apply}>
        {!name && (
          <label class="field">
            <span>Name</span>
            <input value={typed} required pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,62}" onInput={({ currentTarget: { value: called } }) => setDraft({ ...draft, name: called })} />
          </label>
        )}
        <label class="field">
          <span>Parent</span>
          <select value={draft.parent ?? ''} onChange={({ currentTarget: { value } }) => setDraft({ ...draft, parent: value || null })}>
            <option value="">the host itself</option>
            {parents.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        <SizeSlider
          label="Reservation"
          meaning="Guaranteed to those within, overhead included."
          bytes={draft.reservation_bytes}
          most={total}
          change={(reservation_bytes) => setDraft({ ...draft, reservation_bytes })}
        />
        <label class="check">
          <input type="checkbox" checked={draft.expandable} onChange={({ currentTarget: { checked: expandable } }) => setDraft({ ...draft, expandable })} />
          Expandable reservation
        </label>
        <p class="hint beneath">{says.expandable}</p>
        <SizeSlider
          label="Limit"
          meaning={says.limit}
          bytes={draft.limit_bytes ?? total}
          most={total}
          disabled={!limited}
          change={(limit_bytes) => setDraft({ ...draft, limit_bytes })}
        />
        <label class="check">
          <input type="checkbox" checked={!limited} onChange={({ currentTarget: { checked } }) => setDraft({ ...draft, limit_bytes: checked ? null : total })} />
          No limit
        </label>
        <div class="field">
          <label for={sharesId}>Shares</label>
          <SharesChoice id={sharesId} shares={draft.shares} usual={sharesNumber('normal', STANDS_FOR)} change={(shares) => setDraft({ ...draft, shares })} />
          <p class="hint">{says.shares}</p>
        </div>
        <label class="check">
          <input type="checkbox" checked={draft.scalable_shares} onChange={({ currentTarget: { checked } }) => setDraft({ ...draft, scalable_shares: checked })} />
          Scalable shares
        </label>
        <p class="hint beneath">{says.scalable}</p>
        {problem && <Failed problem={problem} />}
        <div class="actions">
          {name && (
            <button type="button" class="danger aside" onClick={remove}>
              Remove
            </button>
          )}
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary">
            {name ? 'Apply' : 'Create'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

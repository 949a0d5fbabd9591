import { Fragment } from 'preact';
import { call } from '../../api/call.ts';
import { Failed } from '../../parts/Waiting.tsx';
import { clock, paragraphs } from '../../format/text.ts';
import { useLoaded } from '../../state/loaded.ts';

/** As often as it is cheap; it must not be far behind the figures beside it. */
const PERIOD = 2000;

/** Why a VM holds what it holds, in the host's words. */
export function Explanation({ name }: { name: string }) {
  const { value, problem, again } = useLoaded(
    name,
    async (signal) => {
      const { answer } = await call('GET /v1/vms/{name}/explain', { params: { name }, signal });
      return { text: answer.text, at: Date.now() };
    },
    PERIOD,
  );
  return (
    <section class="card" aria-labelledby="explain-title">
      <header class="chart-head">
        <h2 id="explain-title">Why it holds what it holds</h2>
        {value && <span class="at number">at {clock(value.at)}</span>}
      </header>
      {problem && <Failed problem={problem} again={again} />}
      {value ? (
        <div class="prose">
          {paragraphs(value.text).map(({ line, items }, index) => (
            <Fragment key={index}>
              <p>{line}</p>
              {items.length > 0 && (
                <ul>
                  {items.map((item) => (
                    <li key={item}>{item}</li>
                  ))}
                </ul>
              )}
            </Fragment>
          ))}
        </div>
      ) : (
        !problem && <div class="ghost wide" />
      )}
    </section>
  );
}

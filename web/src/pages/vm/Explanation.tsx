import { call } from '../../api/call.ts';
import { Failed } from '../../parts/Waiting.tsx';
import { useLoaded } from '../../state/loaded.ts';

const PERIOD = 5000;

/** Why a VM holds what it holds, in the host's words. */
export function Explanation({ name }: { name: string }) {
  const { value, problem, again } = useLoaded(
    name,
    async (signal) => (await call('GET /v1/vms/{name}/explain', { params: { name }, signal })).answer,
    PERIOD,
  );
  return (
    <section class="card" aria-labelledby="explain-title">
      <h2 id="explain-title">Why it holds what it holds</h2>
      {problem && <Failed problem={problem} again={again} />}
      {value ? (
        <div class="prose">
          {value.text
            .split('\n')
            .filter(Boolean)
            .map((line, index) => (
              <p key={index}>{line}</p>
            ))}
        </div>
      ) : (
        !problem && <div class="ghost wide" />
      )}
    </section>
  );
}

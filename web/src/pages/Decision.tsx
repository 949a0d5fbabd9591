import type { Event } from '../api/schema.ts';
import { Size } from '../parts/Size.tsx';
import { words } from '../format/text.ts';

/** A plan's figures for each VM. */
export const Decision = ({ event }: { event: Event & { event: 'planned' } }) => (
  <div class="scroll" tabIndex={0} role="group" aria-label="The plan, for each VM">
    <table>
      <thead>
        <tr>
          <th scope="col">VM</th>
          <th scope="col" class="right">
            Consumed
          </th>
          <th scope="col" class="right">
            Target
          </th>
          <th scope="col">Decided by</th>
          <th scope="col" class="right">
            Active
          </th>
          <th scope="col" class="right">
            Balloon to
          </th>
          <th scope="col">Balloon</th>
          <th scope="col" class="right">
            Taken
          </th>
          <th scope="col">Because</th>
        </tr>
      </thead>
      <tbody>
        {event.vms.map((vm) => (
          <tr key={vm.vm}>
            <th scope="row">{vm.vm}</th>
            <td class="right">
              <Size bytes={vm.consumed_bytes} />
            </td>
            <td class="right">
              <Size bytes={vm.target_bytes} />
            </td>
            <td>{words(vm.bound)}</td>
            <td class="right">
              <Size bytes={vm.active_bytes} />
            </td>
            <td class="right">
              <Size bytes={vm.balloon_target_bytes} />
            </td>
            <td>{words(vm.balloon_use)}</td>
            <td class="right">
              <Size bytes={vm.take_bytes} />
            </td>
            <td>{words(vm.why)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {event.more_vms > 0 && <p class="hint">And {event.more_vms} VMs more.</p>}
  </div>
);

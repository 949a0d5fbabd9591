import { Dialog } from '../../parts/Dialog.tsx';

interface StopProps {
  name: string;
  /** Stops the VM: at once, or by asking its guest. */
  stop: (now: boolean) => void;
  close: () => void;
}

/** Asks how a VM is to be stopped. */
export const StopDialog = ({ name, stop, close }: StopProps) => (
  <Dialog title={`Stop ${name}?`} close={close}>
    <p>
      <em>Shut down</em> asks its guest, through the agent in it. If none answers, or it takes longer than{' '}
      <a href="#/settings">VM.StopDeadline</a>, it is powered off.
    </p>
    <p>
      <em>Power off</em> ends it at once. What its guest has not written is lost.
    </p>
    <div class="actions">
      <button type="button" onClick={close}>
        Cancel
      </button>
      <button type="button" class="danger" onClick={() => stop(true)}>
        Power off
      </button>
      <button type="button" class="primary" onClick={() => stop(false)}>
        Shut down
      </button>
    </div>
  </Dialog>
);

interface RestartProps {
  name: string;
  /** Restarts the VM: after its guest has shut down, or at once. */
  restart: (guest: boolean) => void;
  close: () => void;
}

/** Asks how a VM is to be restarted. */
export const RestartDialog = ({ name, restart, close }: RestartProps) => (
  <Dialog title={`Restart ${name}?`} close={close}>
    <p>
      <em>Shut down first</em> asks its guest, through the agent in it. If none answers, or it takes longer than{' '}
      <a href="#/settings">VM.StopDeadline</a>, it is reset.
    </p>
    <p>
      <em>Reset</em> loads its guest anew at once. What the guest has not written is lost.
    </p>
    <div class="actions">
      <button type="button" onClick={close}>
        Cancel
      </button>
      <button type="button" class="danger" onClick={() => restart(false)}>
        Reset
      </button>
      <button type="button" class="primary" onClick={() => restart(true)}>
        Shut down first
      </button>
    </div>
  </Dialog>
);

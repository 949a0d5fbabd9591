import { Dialog } from '../../parts/Dialog.tsx';

interface Props {
  name: string;
  /** Stops the VM: at once, or by asking its guest. */
  stop: (now: boolean) => void;
  close: () => void;
}

/** Asks how a VM is to be stopped. */
export const StopDialog = ({ name, stop, close }: Props) => (
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

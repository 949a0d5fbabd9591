//! Which VMs are wanted on, whether they run or not.
//!
//! **Model.** A VM is wanted on from the moment its start is admitted until somebody stops it or its guest powers it off
//! ([`still_wanted`](crate::ended::still_wanted)). The end of the host changes nothing, nor does a VM's failure. Which VMs are wanted is what
//! [`Host::autostart`](crate::Host::autostart) goes by when the host is there again.
//!
//! **Invariants.** INV-12: it is on the disk before anybody is told.
//!
//! **Concurrency.** The files and what memory has of them change together, under the files' lock; the inventory is locked
//! within, for a few words.
//!
//! **Failure.** A start that cannot be written down is refused. A stop that cannot is carried out and told; it is written as soon as it can
//! be, by a thread that tries once a second.

use crate::core::Core;
use crate::error::HostError;
use crate::inventory::Entry;
use crate::state_dir::WantedFiles;
use model::What;
use parking_lot::Mutex;
use sandbox::Kind;
use std::time::Duration;

/// How often it is tried to write down what could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether a VM is wanted on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) on: bool,
    /// Why the disk does not have that yet.
    pub(crate) unwritten: Option<String>,
}

/// The files; gone once the host has left its state directory.
pub(crate) type Files = Mutex<Option<WantedFiles>>;

/// What the thread does, until the host shuts down.
pub(crate) fn run(core: &Core) {
    sandbox::keep_to(Kind::Service);
    while !core.wakeup.is_stopping() {
        let mut inventory = core.inventory.lock();
        core.power_changed.wait_for(&mut inventory, AGAIN);
        let unwritten = inventory.vms.values().filter(|entry| entry.wanted.unwritten.is_some());
        let unwritten: Vec<String> = unwritten.map(|entry| entry.spec.name.clone()).collect();
        drop(inventory);
        for name in &unwritten {
            core.write_unwritten(name);
        }
    }
}

impl Core {
    /// Has a VM be wanted on; says whether it was not before. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`HostError::Unwritten`]; then it is as it was. [`HostError::ShuttingDown`].
    pub(crate) fn want_on(&self, name: &str) -> Result<bool, HostError> {
        let files = self.wanted.lock();
        let files = files.as_ref().ok_or(HostError::ShuttingDown)?;
        let before = self.inventory.lock().vm(name)?.wanted.clone();
        if before.on && before.unwritten.is_none() {
            return Ok(false);
        }
        let written = files.write(name, true);
        let unwritten = written.as_ref().err().map(ToString::to_string);
        // One that could not be written may be there all the same: then it goes as soon as it can.
        let wanted = Wanted { on: written.is_ok() || before.on, unwritten };
        self.inventory.lock().vm_mut(name)?.wanted = wanted;
        written.map_err(|error| HostError::Unwritten { name: name.to_owned(), why: error.to_string() })?;
        Ok(!before.on)
    }

    /// Has a VM not be wanted on any more, if its entry `is_meant`. It is on the disk when this returns, or
    /// told that it is not.
    pub(crate) fn want_off_if(&self, name: &str, is_meant: impl FnOnce(&Entry) -> bool) {
        let files = self.wanted.lock();
        match self.inventory.lock().vms.get_mut(name) {
            Some(entry) if entry.wanted.on && is_meant(entry) => entry.wanted.on = false,
            _ => return,
        }
        self.write(files.as_ref(), name);
    }

    pub(crate) fn want_off(&self, name: &str) {
        self.want_off_if(name, |_| true);
    }

    /// Tries again to write down what could not be.
    fn write_unwritten(&self, name: &str) {
        let files = self.wanted.lock();
        self.write(files.as_ref(), name);
    }

    /// Writes down what memory has of a VM. The files are locked.
    fn write(&self, files: Option<&WantedFiles>, name: &str) {
        let Some(Wanted { on, unwritten: before }) =
            self.inventory.lock().vms.get(name).map(|entry| entry.wanted.clone())
        else {
            return;
        };
        let written = files.ok_or(HostError::ShuttingDown).and_then(|files| files.write(name, on));
        let unwritten = written.err().map(|error| error.to_string());
        if let (None, Some(why)) = (&before, &unwritten) {
            let be = if on { "on" } else { "off" };
            let why = format!("that VM '{name}' is to be {be} is not written down yet: {why}");
            self.journal.add(What::Trouble { why });
        }
        if let Some(entry) = self.inventory.lock().vms.get_mut(name) {
            entry.wanted.unwritten = unwritten;
        }
    }

    /// Leaves nothing behind of a VM that does not run.
    ///
    /// # Errors
    /// [`HostError::NotKept`].
    pub(crate) fn forget_wanted(&self, name: &str) -> Result<(), HostError> {
        self.wanted.lock().as_ref().ok_or(HostError::ShuttingDown)?.write(name, false)
    }

    /// Leaves the state directory: another host may have it.
    pub(crate) fn leave(&self) {
        *self.wanted.lock() = None;
    }
}

//! The guest that runs in the foreground, for whoever asks: after a reboot it is another one.

use api::inspect::Guest;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Where the guest is found while there is one. Keeps none alive; clones are the same place.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<Mutex<Weak<Guest>>>);

impl Current {
    pub(crate) fn set(&self, guest: &Arc<Guest>) {
        *self.0.lock() = Arc::downgrade(guest);
    }

    /// The guest; `None` if it has ended, and before it runs anew.
    pub(crate) fn upgrade(&self) -> Option<Arc<Guest>> {
        self.0.lock().upgrade()
    }
}

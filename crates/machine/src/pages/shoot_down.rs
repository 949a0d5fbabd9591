//! The processors that cache translations of a VM's pages.

use crate::counts::Counts;
use addr::{Gfn, Mfn};
use parking_lot::RwLock;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Takes translations away from processors.
pub trait ShootDown: Send + Sync {
    /// Returns once no processor can reach any of `pages` through a cached translation. The pages
    /// are in passage or watched, so none can be cached anew. Called with no lock held.
    fn take_away(&self, pages: &[(Gfn, Mfn)]);
}

/// The processors of a VM, once they are named.
#[derive(Default)]
pub(crate) struct Processors(RwLock<Option<Weak<dyn ShootDown>>>);

impl Processors {
    /// Names the processors.
    ///
    /// # Panics
    /// If they were named before.
    pub(crate) fn attach(&self, processors: Weak<dyn ShootDown>) {
        let before = self.0.write().replace(processors);
        assert!(before.is_none(), "a VM's processors are attached once");
    }

    /// They are gone, and with them what they had cached.
    pub(crate) fn detach(&self) {
        *self.0.write() = None;
    }

    fn attached(&self) -> Option<Arc<dyn ShootDown>> {
        self.0.read().as_ref()?.upgrade()
    }

    /// Takes the translations of pages in passage, or watched, away from all processors.
    pub(super) fn take_away(&self, pages: &[(Gfn, Mfn)], counts: &Counts) {
        if pages.is_empty() {
            return;
        }
        if let Some(processors) = self.attached() {
            let start = Instant::now();
            processors.take_away(pages);
            counts.shoot_downs.add(1);
            counts.shoot_down_nanoseconds.add_since(start);
        }
    }
}

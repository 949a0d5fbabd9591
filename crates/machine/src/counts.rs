//! What happened to a VM's pages since it got its memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What happened to a VM's pages since it got its memory. Every count only grows.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct MemoryCounts {
            $($(#[$doc])* pub $name: u64,)+
        }

        /// The same while it happens.
        #[derive(Default)]
        pub(crate) struct Counts {
            $(pub(crate) $name: Count,)+
        }

        impl Counts {
            pub(crate) fn now(&self) -> MemoryCounts {
                MemoryCounts { $($name: self.$name.get(),)+ }
            }
        }
    };
}

counts! {
    /// Untouched pages written for the first time, or again after the guest gave them back.
    first_writes,
    /// Ballooned pages that the guest used without asking for them back.
    balloon_pops,
    /// Pages that became zero pages because that is what they held.
    zeroed,
    /// Pages that joined others in a frame.
    shared,
    /// Pages compressed.
    compressed,
    /// Pages written to the swap file.
    swapped_out,
    /// Zero pages written: each got a frame.
    zeros_broken,
    /// Shared pages written: each got its own frame again.
    shares_broken,
    /// Pages decompressed for use.
    decompressed,
    /// Pages read from the swap file for use, or ahead of it.
    swapped_in,
    /// Of those, pages read because they follow one that was wanted.
    read_ahead,
    /// Uses noticed by a watch that the host had set.
    watches_noticed,
    /// Batches of pages whose translations were taken away from the processors.
    shoot_downs,
    /// Nanoseconds that took.
    shoot_down_nanoseconds,
    /// Times somebody had to wait for a frame to come free.
    stalls,
    /// Bytes of frames that sharing scans have looked at.
    scanned_bytes,
}

/// One count.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Adds the nanoseconds since `start`.
    pub(crate) fn add_since(&self, start: Instant) {
        self.add(start.elapsed().as_nanos() as u64);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

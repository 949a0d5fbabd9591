//! Estimating a VM's working set without its help.
//!
//! **Model.** A few pages picked at random are watched: their translations are taken away, so that the
//! next use of each, and the next write, comes to [`VmMemory::resolve`] and is noticed. The share of
//! them used in a period is the share of all pages used in it, give or take the sample's error.
//!
//! **Cost.** At most two faults for each page in the sample, in which nothing is done.
//!
//! **Not here.** When a period ends, and what follows from the numbers: `sched`.
//!
//! **Sources.** Waldspurger, "Memory Resource Management in `VMware` ESX Server", OSDI 2002, section 5.3.

use crate::pages::entry::Watches;
use crate::pages::passage::Batch;
use crate::pages::state::PageState;
use crate::vm_memory::VmMemory;
use addr::Gfn;

/// Pages being watched.
#[derive(Debug)]
pub struct Sample {
    pages: Vec<Gfn>,
}

/// How many pages of a sample were used so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sampled {
    /// Pages in the sample.
    pub watched: u32,
    /// Of those, pages read or written.
    pub touched: u32,
    /// Of those, pages written.
    pub written: u32,
}

impl VmMemory {
    /// Begins to watch the pages with these numbers, counted from 0 round and round. Ballooned pages
    /// are left out: they are not the guest's to use.
    pub fn begin_sample(&self, picks: impl IntoIterator<Item = u64>) -> Sample {
        let mut sample = Sample { pages: Vec::new() };
        let mut batch: Batch<'_, ()> = Batch::new(&self.pages);
        for gfn in picks.into_iter().map(|pick| self.pmap().page(pick)) {
            let ballooned = matches!(self.pmap().state(gfn), Some((PageState::Ballooned { .. }, _)));
            if !ballooned && !sample.pages.contains(&gfn) && batch.watch(gfn, Watches::SAMPLED) {
                sample.pages.push(gfn);
            }
        }
        drop(batch.quiesce());
        sample
    }

    /// What the sample shows up to now.
    pub fn look_at_sample(&self, sample: &Sample) -> Sampled {
        let mut sampled = Sampled { watched: sample.pages.len() as u32, ..Sampled::default() };
        for watches in sample.pages.iter().map(|&gfn| self.pmap().watches(gfn)) {
            sampled.touched += u32::from(!watches.contain(Watches::TOUCHED));
            sampled.written += u32::from(!watches.contain(Watches::WRITTEN));
        }
        sampled
    }

    /// Ends a sample and says what it showed.
    pub fn end_sample(&self, sample: Sample) -> Sampled {
        let sampled = self.look_at_sample(&sample);
        for gfn in sample.pages {
            self.pmap().unwatch(gfn, Watches::SAMPLED);
        }
        sampled
    }
}

//! What a balloon driver does, carried out on its VM's memory.
//!
//! **Concurrency.** Events come on the balloon's worker thread, which holds no lock. The driver waits
//! meanwhile.
//!
//! **Failure.** Where taking translations away is slow, because the host has no processor time, a report of free memory
//! is carried out in part: what was reported is out of the guest's reach meanwhile, and a guest that wants memory kills a
//! program for it.

use addr::Gfn;
use devices::{BalloonEvent, OnBalloonEvent};
use machine::VmMemory;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a report of free memory may take. Linux reports up to 32 stretches of 2 or 4 MiB at a time, and cannot be
/// told to report less: with a shorter queue its driver does not start.
const REPORT_TAKES: Duration = Duration::from_millis(20);
/// Pages after which it is looked how late it is.
const PIECE: usize = 256;

/// Carries events out on `memory`.
pub(crate) fn carry_out_on(memory: Arc<VmMemory>) -> OnBalloonEvent {
    Box::new(move |event| carry_out(&event, &memory))
}

fn carry_out(event: &BalloonEvent<'_>, memory: &VmMemory) {
    match event {
        BalloonEvent::Inflated(pages) => _ = memory.inflate(pages),
        BalloonEvent::Deflated(pages) => _ = memory.deflate(pages),
        BalloonEvent::Reported(ranges) => discard(memory, ranges, Instant::now() + REPORT_TAKES),
    }
}

/// Discards what was reported free, as far as it gets until `deadline`.
fn discard(memory: &VmMemory, ranges: &[Range<Gfn>], deadline: Instant) {
    let pages = ranges.iter().flat_map(|range| (range.start.0..range.end.0).map(Gfn));
    let in_time = |&(at, _): &(usize, Gfn)| !at.is_multiple_of(PIECE) || Instant::now() < deadline;
    memory.reported_free(pages.enumerate().take_while(in_time).map(|(_, page)| page));
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::{Gpa, PageCount, VmId};
    use machine::{Backing, Pool};

    #[test]
    fn a_report_is_carried_out_as_far_as_there_is_time() {
        let pages = PageCount(600);
        let pool = Pool::new(pages.bytes()).unwrap();
        let (first, id) = (Gfn(0x80000), VmId(1));
        let memory = VmMemory::with_backing(&pool, id, first, pages, Backing::reserved(id, pages)).unwrap();
        for page in 0..pages.0 {
            memory.write(Gpa((first.0 + page) * addr::PAGE_SIZE), &[7]).unwrap();
        }
        let reported = [first..Gfn(first.0 + 300), Gfn(first.0 + 300)..Gfn(first.0 + pages.0)];
        discard(&memory, &reported, Instant::now());
        assert_eq!(memory.census().private, pages, "too late: everything stays as it is");
        discard(&memory, &reported, Instant::now() + Duration::from_mins(1));
        assert_eq!(memory.census().untouched, pages);
        memory.audit().unwrap();
    }
}

//! Which victims are found, how long they are looked for, and what is said of it.

use super::overcommit::{fill_with_noise, pattern, vm};
use super::{FIRST, pool};
use crate::{Backing, ShareGroup, Stores, SwapFile, VmMemory};
use addr::{Gfn, PageCount, VmId};

#[test]
fn a_call_looks_at_so_many_pages_and_the_next_looks_on_from_there() {
    const PAGES: u64 = 40_000;
    let pool = pool(8);
    let memory = vm(&pool, 1, 1, PAGES, 0);
    fill_with_noise(&memory, 4);
    // As long as it holds this one, there might be more to be had.
    let held = memory.pin(Gfn(FIRST.0 + PAGES - 1)).unwrap();
    let mut reports = Vec::new();
    loop {
        reports.push(memory.reclaim(PageCount(8)));
        memory.audit().unwrap();
        if !reports.last().is_some_and(|report| report.unfinished) {
            break;
        }
    }
    let freed: Vec<u64> = reports.iter().map(|report| report.freed).collect();
    assert_eq!(freed, [4, 0, 0, 0, 0], "two laps of {PAGES} pages");
    drop(held);
    while memory.reclaim(PageCount(8)).unfinished {}
    assert_eq!(memory.held(), PageCount(0));
}

#[test]
fn what_devices_hold_is_not_to_be_had_and_that_is_said() {
    let pool = pool(100);
    let memory = vm(&pool, 1, 1, 64, 0);
    fill_with_noise(&memory, 64);
    let pins: Vec<_> = memory.pmap().pages().map(|gfn| memory.pin(gfn).unwrap()).collect();
    let report = memory.reclaim(PageCount(1));
    assert_eq!((report.freed, report.unfinished), (0, false));
    drop(pins);
    assert_eq!(memory.reclaim(PageCount(1)).freed, 1);
    memory.audit().unwrap();
}

/// A VM that may compress whatever shrinks.
fn with_large_zip_store(pages: u64, swap: bool) -> VmMemory {
    let pool = pool(2 * pages);
    let dir = std::env::temp_dir();
    let swap = swap.then(|| SwapFile::create(&dir, PageCount(pages)).expect("disk space"));
    let stores = Stores::new(PageCount(pages), swap);
    let backing = Backing { reservation: PageCount(0), group: ShareGroup(1), stores };
    let memory = VmMemory::with_backing(&pool, VmId(1), FIRST, PageCount(pages), backing).unwrap();
    for page in 0..pages {
        let pin = memory.pin(Gfn(FIRST.0 + page)).unwrap();
        let frame = pool.frame(pin.mfn());
        (0..64).for_each(|word| frame.store(word * 8, pattern((page as u8) << 2 | 3, word)));
    }
    memory
}

#[test]
fn where_all_is_compressed_the_zip_store_gives_frames() {
    let memory = with_large_zip_store(64, true);
    memory.reclaim(PageCount(48));
    assert!(memory.census().compressed.0 > 0);
    for _ in 0..64 {
        memory.reclaim(PageCount(64));
        memory.audit().unwrap();
        memory.pool().audit().unwrap();
    }
    assert_eq!((memory.held(), memory.census().swapped), (PageCount(0), PageCount(64)), "INV-7");
}

#[test]
fn without_a_swap_file_what_is_compressed_stays() {
    let memory = with_large_zip_store(64, false);
    memory.reclaim(PageCount(64));
    let compressed = memory.census().compressed;
    assert_eq!(compressed, PageCount(64));
    let report = memory.reclaim(PageCount(64));
    assert_eq!((report.freed, report.unfinished), (0, false));
    assert_eq!(memory.census().compressed, compressed);
    memory.audit().unwrap();
}

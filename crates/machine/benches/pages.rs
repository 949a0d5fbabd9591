//! What happens to pages, per page: scanning for equal ones, reclaiming, and the ways back.
//!
//! Nobody caches translations here, so what a shoot-down costs is not in it; `mmu`'s benches have that.

use addr::{Gfn, PAGE_SIZE, PageCount, VmId};
use machine::{Backing, Pmap, Pool, ShareGroup, Stores, SwapFile, Use, VmMemory};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const PAGES: u64 = 32_768;
const FIRST: Gfn = Gfn(0x80000);
const ROUNDS: usize = 5;

/// What pages hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Nothing that repeats: different from page to page.
    Noise,
    /// Noise at the end of each page only: shrinks to less than half.
    Text,
    /// The same on every four pages.
    Equal,
}

fn fill(vm: &VmMemory, content: Content) {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for page in 0..PAGES {
        if content == Content::Equal && page % 4 == 0 {
            random = random.wrapping_add(page);
        }
        let mut state = random;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mfn = vm.resolve(Gfn(FIRST.0 + page), Use::Write).expect("memory");
        let frame = vm.pool().frame(mfn);
        for word in 0..PAGE_SIZE / 8 {
            let value = if content == Content::Text && word < 384 { word % 7 } else { next() };
            frame.store(word * 8, value);
        }
        if content != Content::Equal {
            random = state;
        }
    }
}

fn vm(pool: &Pool, zip: bool, swap: Option<&Path>) -> VmMemory {
    let swap = swap.map(|dir| SwapFile::create(dir, PageCount(PAGES)).expect("disk space"));
    let zip = PageCount(if zip { PAGES } else { 0 });
    let backing = Backing { reservation: PageCount(0), group: ShareGroup(1), stores: Stores::new(zip, swap) };
    VmMemory::with_backing(pool, VmId(1), FIRST, PageCount(PAGES), backing).expect("nothing is reserved")
}

/// Prints the median of what `round` took, per page.
fn report(what: &str, mut round: impl FnMut() -> (Duration, u64)) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (time, pages) = round();
            assert!(pages > 0, "{what}: nothing was done");
            time.as_nanos() as f64 / pages as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[ROUNDS / 2];
    let (rate, bandwidth) = (1e9 / median, PAGE_SIZE as f64 / median * 1e9 / f64::from(1 << 30));
    println!("{what:<58} {median:>9.0} ns  {rate:>11.0} pages/s  {bandwidth:>6.2} GiB/s");
}

fn timed<T>(pages: u64, work: impl FnOnce() -> T) -> (Duration, u64) {
    let start = Instant::now();
    black_box(work());
    (start.elapsed(), pages)
}

fn touch_all(vm: &VmMemory, wanted: Use) {
    for page in 0..PAGES {
        black_box(vm.resolve(Gfn(FIRST.0 + page), wanted).expect("memory"));
    }
}

/// Reclaims until there is nothing more to look at.
fn reclaim(vm: &VmMemory, wanted: u64) {
    let mut left = wanted;
    loop {
        let report = vm.reclaim(PageCount(left));
        assert_eq!(report.failure, None);
        left -= report.freed.min(left);
        if !report.unfinished {
            return;
        }
    }
}

fn scans(pool: &Pool) {
    let none = |_| None;
    report("scan, nothing equal, no hint yet", || {
        let vm = vm(pool, false, None);
        fill(&vm, Content::Noise);
        timed(PAGES, || vm.scan(PageCount(PAGES), &none))
    });
    report("scan and share, four pages equal each", || {
        let vm = vm(pool, false, None);
        fill(&vm, Content::Equal);
        let time = timed(PAGES, || vm.scan(PageCount(PAGES), &none));
        assert!(vm.census().shared.0 > PAGES * 9 / 10, "{:?}", vm.census());
        time
    });
    report("break a share", || {
        let vm = vm(pool, false, None);
        fill(&vm, Content::Equal);
        vm.scan(PageCount(PAGES), &none);
        timed(vm.census().shared.0, || touch_all(&vm, Use::Write))
    });
    report("first write", || {
        let vm = vm(pool, false, None);
        timed(PAGES, || touch_all(&vm, Use::Write))
    });
    report("sample fault", || {
        let vm = vm(pool, false, None);
        touch_all(&vm, Use::Write);
        let sample = vm.begin_sample((0..1000).map(|pick| pick * 31));
        let watched = u64::from(vm.look_at_sample(&sample).watched);
        timed(watched, || {
            for pick in 0..1000 {
                black_box(vm.resolve(Gfn(FIRST.0 + pick * 31 % PAGES), Use::Write).expect("memory"));
            }
        })
    });
}

fn reclaims(pool: &Pool, dir: &Path) {
    let place = dir.display();
    for (what, content, zip) in [
        ("compress", Content::Text, true),
        ("try to compress, swap", Content::Noise, true),
        ("swap", Content::Noise, false),
    ] {
        report(&format!("reclaim: {what} ({place})"), || {
            let vm = vm(pool, zip, Some(dir));
            fill(&vm, content);
            let before = vm.held().0;
            let start = Instant::now();
            reclaim(&vm, PAGES / 2);
            let time = start.elapsed();
            (time, before - vm.held().0)
        });
    }
    report("reclaim: equal to shared frames", || {
        let vm = vm(pool, false, Some(dir));
        fill(&vm, Content::Equal);
        timed(PAGES, || reclaim(&vm, PAGES * 3 / 4))
    });
    report("look for victims where devices hold every page, two laps", || {
        let vm = vm(pool, false, Some(dir));
        fill(&vm, Content::Noise);
        let pins: Vec<_> = vm.pmap().pages().map(|gfn| vm.pin(gfn).expect("memory")).collect();
        let time = timed(PAGES, || reclaim(&vm, 1));
        assert_eq!(vm.held(), PageCount(PAGES));
        drop(pins);
        time
    });
    report("decompress on use", || {
        let vm = vm(pool, true, Some(dir));
        fill(&vm, Content::Text);
        reclaim(&vm, PAGES / 4);
        let pages = vm.census().compressed.0;
        timed(pages, || touch_all(&vm, Use::Read))
    });
    for (what, mark) in [("with those behind", 0), ("one by one", PAGES * 2)] {
        report(&format!("swap in on use, {what} ({place})"), || {
            let vm = vm(pool, false, Some(dir));
            fill(&vm, Content::Noise);
            reclaim(&vm, PAGES / 8);
            let pages = vm.census().swapped.0;
            pool.set_bell(PageCount(mark), None);
            let time = timed(pages, || touch_all(&vm, Use::Read));
            pool.set_bell(PageCount(0), None);
            time
        });
    }
}

fn main() {
    let pool = Pool::new(PageCount(PAGES + 64).bytes()).expect("a pool");
    // What the host gives on first use is not to be measured.
    touch_all(&vm(&pool, false, None), Use::Write);
    println!("metadata: {} bytes a frame, {} bytes a page", Pool::BYTES_PER_FRAME, Pmap::BYTES_PER_PAGE);
    scans(&pool);
    for dir in [std::env::temp_dir(), "/dev/shm".into()] {
        reclaims(&pool, &dir);
    }
}

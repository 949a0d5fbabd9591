//! What it costs to put a page away and to get it back: the zip store and the swap file.
//!
//! Prints the median of many samples for each, in nanoseconds a page. A file of pages, such as the
//! memory of a guest, may be given as an argument; otherwise the pages are made up. Swap files are made
//! in the directory for temporary files, and in memory, which leaves the processor's part.

use addr::{Gfn, Mfn, PAGE_SIZE, PageCount};
use machine::{Compressor, Pool, Slot, SwapFile, ZipHandle, ZipStore};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Page = [u8; PAGE_SIZE as usize];

const SAMPLES: usize = 101;
/// Pages a sample is of.
const BATCH: usize = 256;

/// Prints the median of what `sample` gives, for one of `pages`.
fn report(what: &str, pages: usize, mut sample: impl FnMut(usize) -> Duration) {
    let mut samples: Vec<_> = (0..SAMPLES).map(&mut sample).collect();
    samples.sort_unstable();
    let each = samples[SAMPLES / 2].as_nanos() as f64 / pages as f64;
    println!("{what:<60} {each:>10.1} ns {:>8.2} GiB/s", PAGE_SIZE as f64 / each / 1.073_741_824);
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Pages of which a part is noise and the rest runs of equal bytes.
fn made_up() -> Vec<Page> {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut page = |noise: u64| {
        let mut page = [0; PAGE_SIZE as usize];
        for run in page.chunks_mut(16) {
            let noisy = random() % 100 < noise;
            run.fill_with(|| if noisy { random() as u8 } else { noise as u8 });
        }
        page
    };
    (0..8192).map(|number| page(number % 100)).collect()
}

fn read_pages(file: &Path) -> Vec<Page> {
    let bytes = std::fs::read(file).expect("the file of pages can be read");
    let (pages, _) = bytes.as_chunks();
    pages.iter().filter(|page| **page != [0; PAGE_SIZE as usize]).copied().collect()
}

/// A batch of `pages` from all over, others for each `sample`.
fn batch(pages: &[Page], sample: usize) -> impl Iterator<Item = &Page> {
    pages.iter().cycle().skip(sample).step_by((pages.len() / BATCH).max(1)).take(BATCH)
}

fn bench_zip(pages: &[Page]) {
    let mut compressor = Compressor::default();
    let (good, bad): (Vec<Page>, Vec<Page>) =
        pages.iter().partition(|page| compressor.compress(Gfn(0), page).is_some());
    println!("{} pages other than zero, of which {} shrink to half", pages.len(), good.len());
    for (what, some) in [("shrinks", &good), ("does not shrink", &bad)] {
        report(&format!("compress a page that {what}"), BATCH, |sample| {
            timed(|| {
                for page in batch(some, sample) {
                    black_box(compressor.compress(Gfn(1), page));
                }
            })
        });
    }

    let pool = Pool::new(PageCount(good.len() as u64 + BATCH as u64).bytes()).expect("the pages fit");
    let mut free: Vec<Mfn> = (0..pool.size().0).map(Mfn).collect();
    let mut store = ZipStore::new(pool.size());
    for (page, gfn) in good.iter().zip(0..) {
        insert(&mut store, &mut compressor, &pool, &mut free, Gfn(gfn), page);
    }
    let usage = store.usage();
    let (frames, pages) = (usage.frames.0 as f64, usage.pages.0 as f64);
    println!(
        "{:.1} frames hold 100 pages; {:.1} would without headers and gaps",
        frames * 100.0 / pages,
        usage.compressed.0 as f64 / PAGE_SIZE as f64 * 100.0 / pages
    );

    let mut into = [0; PAGE_SIZE as usize];
    let mut put = |store: &mut ZipStore, free: &mut Vec<Mfn>, sample| -> Vec<ZipHandle> {
        batch(&good, sample).map(|page| insert(store, &mut compressor, &pool, free, Gfn(1), page)).collect()
    };
    report("compress and insert", BATCH, |sample| {
        let mut handles = Vec::new();
        let time = timed(|| handles = put(&mut store, &mut free, sample));
        free.extend(
            handles.into_iter().filter_map(|handle| store.remove(Gfn(1), handle).expect("it is whole")),
        );
        time
    });
    report("take: uncompress, check, free the place", BATCH, |sample| {
        let handles = put(&mut store, &mut free, sample);
        timed(|| {
            for handle in handles {
                free.extend(store.take(Gfn(1), handle, &mut into).expect("it is whole"));
            }
        })
    });
}

fn insert(
    store: &mut ZipStore,
    compressor: &mut Compressor,
    pool: &Pool,
    free: &mut Vec<Mfn>,
    gfn: Gfn,
    page: &Page,
) -> ZipHandle {
    let compressed = compressor.compress(gfn, page).expect("it shrinks");
    store.insert(&compressed, || free.pop().map(|mfn| (mfn, pool.frame(mfn)))).expect("there are frames")
}

fn bench_swap(pages: &[Page], dir: &Path) {
    let swap = SwapFile::create(dir, PageCount(16 * BATCH as u64)).expect("a swap file fits");
    let free = |slots: &[Slot]| slots.iter().for_each(|&slot| swap.free(slot));
    let write = |sample, together| -> Vec<Slot> {
        let some: Vec<_> = batch(pages, sample).take(together).collect();
        swap.write(&some).expect("the disk works")
    };
    // Blocks that were never written cost a file system more, once.
    free(&(0..16).flat_map(|sample| write(sample, BATCH)).collect::<Vec<_>>());

    let dir = dir.display();
    for together in [1, 16, 64, BATCH] {
        report(&format!("{dir}: seal and write, {together} pages together"), together, |sample| {
            let mut slots = Vec::new();
            let time = timed(|| slots = write(sample, together));
            free(&slots);
            time
        });
    }
    let slots = write(0, BATCH);
    for together in [1, 8, 64] {
        let mut into = vec![[0; PAGE_SIZE as usize]; together];
        report(&format!("{dir}: read and open, {together} pages together"), together, |sample| {
            let first = slots[sample * together % BATCH];
            timed(|| swap.read_run(first, &mut into).expect("the disk works"))
        });
    }
}

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let pages = file.map_or_else(made_up, |file| read_pages(&file));
    bench_zip(&pages);
    bench_swap(&pages, &std::env::temp_dir());
    bench_swap(&pages, Path::new("/dev/shm"));
}

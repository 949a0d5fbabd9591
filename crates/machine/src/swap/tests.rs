use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

type Page = [u8; PAGE_SIZE as usize];

fn page(content: u64) -> Page {
    let mut page = [content as u8; PAGE_SIZE as usize];
    page[..8].copy_from_slice(&content.to_le_bytes());
    page
}

fn swap(slots: u64) -> (TempDir, SwapFile) {
    let dir = tempfile::tempdir().expect("tests have a directory");
    let swap = SwapFile::create(dir.path(), PageCount(slots)).expect("a small file fits");
    (dir, swap)
}

fn write(swap: &SwapFile, contents: impl IntoIterator<Item = u64>) -> Result<Vec<Slot>, SwapError> {
    let pages: Vec<Page> = contents.into_iter().map(page).collect();
    swap.write(&pages.iter().collect::<Vec<_>>())
}

fn read(swap: &SwapFile, slot: Slot) -> Result<Page, SwapError> {
    let mut into = [0xee; PAGE_SIZE as usize];
    let result = swap.read(slot, &mut into);
    assert!(result.is_ok() || into == [0xee; PAGE_SIZE as usize], "a page that cannot be read is not given");
    result.map(|()| into)
}

fn free(swap: &SwapFile, slots: &[Slot]) {
    for &slot in slots {
        swap.free(slot);
    }
}

fn assert_altered(swap: &SwapFile, slot: Slot) {
    assert!(matches!(read(swap, slot), Err(SwapError::Altered { slot: named, .. }) if named == slot));
}

/// What the disk does wrong at present.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) writes: AtomicBool,
    pub(crate) reads: AtomicBool,
}

impl Faults {
    pub(super) fn of_writing(&self) -> io::Result<()> {
        if self.writes.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn of_reading(&self) -> io::Result<()> {
        if self.reads.load(Ordering::Relaxed) { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl SwapFile {
    /// What its disk does wrong.
    pub(crate) fn faults(&self) -> &Faults {
        &self.storage.faults
    }

    /// Alters a bit of the file.
    pub(crate) fn alter(&self, bit: u64) {
        let (file, mut byte) = (intruder(self), [0]);
        file.read_exact_at(&mut byte, bit / 8).expect("the file is as long");
        file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], bit / 8).expect("it can be written");
    }

    /// Takes the second half of the file away; audits find that.
    pub(crate) fn cut(&self) {
        intruder(self).set_len(self.usage().total.bytes().0 / 2).expect("it can be cut");
    }
}

/// The file as somebody else on the host may get at it.
fn intruder(swap: &SwapFile) -> File {
    let path = format!("/proc/self/fd/{}", swap.storage.file.as_raw_fd());
    OpenOptions::new().read(true).write(true).open(path).expect("the file can be opened again")
}

fn block(intruder: &File, slot: Slot) -> Page {
    let mut block = [0; PAGE_SIZE as usize];
    intruder.read_exact_at(&mut block, slot.offset()).expect("the file is as long");
    block
}

#[test]
fn pages_come_back_from_neighbouring_slots() {
    let (_dir, swap) = swap(1000);
    let slots = write(&swap, 0..600).expect("there is room");
    assert!(slots.windows(2).all(|pair| pair[0].bits() + 1 == pair[1].bits()));
    assert_eq!(read(&swap, slots[599]).expect("it was written"), page(599));

    let mut into = vec![[0; PAGE_SIZE as usize]; 64];
    swap.read_run(slots[200], &mut into).expect("they were written");
    assert!(into.into_iter().eq((200..264).map(page)));

    let usage = swap.usage();
    assert_eq!((usage.total, usage.used, usage.failures), (PageCount(1000), PageCount(600), 0));
    assert_eq!((usage.written, usage.read), (PageCount(600).bytes(), PageCount(65).bytes()));
    free(&swap, &slots);
    assert_eq!(swap.usage().used, PageCount(0));
    swap.audit().expect("the file is sound");
}

#[test]
fn a_file_has_no_name_and_all_of_its_space() {
    let (dir, swap) = swap(1000);
    assert_eq!(std::fs::read_dir(dir.path()).expect("it is a directory").count(), 0);
    let metadata = swap.storage.file.metadata().expect("the file is open");
    assert_eq!(metadata.len(), 1000 * PAGE_SIZE);
    assert!(metadata.blocks() * 512 >= metadata.len(), "{} blocks are set aside", metadata.blocks());
}

#[test]
fn nothing_can_be_read_without_the_key() {
    let (_dir, swap) = swap(4);
    let slots = write(&swap, [7, 7]).expect("there is room");
    let (first, second) = (block(&intruder(&swap), slots[0]), block(&intruder(&swap), slots[1]));
    assert_ne!(first, second, "equal pages do not look equal");
    let longest = [first, second].iter().flat_map(|page| page.chunk_by(|a, b| a == b)).map(<[u8]>::len).max();
    assert!(longest < Some(8), "{longest:?} equal bytes of a page that has 4088");
}

#[test]
fn a_full_file_refuses_with_figures() {
    let (_dir, swap) = swap(300);
    let slots = write(&swap, 0..299).expect("there is room");
    let error = write(&swap, 0..2).unwrap_err();
    assert_eq!(error.to_string(), "8 KiB are to be swapped and 4 KiB of the swap file is free");
    assert_eq!(swap.usage().used, PageCount(299));
    swap.free(slots[7]);
    assert!(write(&swap, 0..2).expect("there is room").contains(&slots[7]));
    swap.audit().expect("the file is sound");
}

#[test]
fn what_cannot_be_made_is_refused() {
    let dir = tempfile::tempdir().expect("tests have a directory");
    let error = SwapFile::create(&dir.path().join("none"), PageCount(1)).map(|_| ()).unwrap_err();
    assert!(matches!(error, SwapError::Create { .. }), "{error}");
    let error = SwapFile::create(dir.path(), PageCount(1 << 38)).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, SwapError::NoSpace { asked, .. } if asked == PageCount(1 << 38).bytes()),
        "{error}"
    );
    assert!(error.to_string().starts_with("swap needs 1 PiB in "), "{error}");
    assert!(
        SwapFile::create(dir.path(), PageCount(0)).is_ok(),
        "a VM whose memory is all reserved needs none"
    );
}

#[test]
fn space_that_cannot_be_set_aside_leaves_the_file_as_it_was() {
    let (_dir, swap) = swap(3);
    let length = 3 * PAGE_SIZE;
    assert!(swap.storage.reserve(length..1 << 62).is_err());
    assert_eq!(swap.storage.length().expect("the file is open"), length);
    let error = swap.resize(PageCount(1 << 38)).unwrap_err();
    assert!(matches!(error, SwapError::NoSpace { .. }), "{error}");
    assert_eq!(swap.usage().total, PageCount(3));
    swap.audit().expect("the file is sound");
}

#[test]
fn a_file_grows_and_shrinks_by_what_is_unused_at_its_end() {
    let (_dir, swap) = swap(10);
    let slots = write(&swap, 0..10).expect("there is room");
    swap.resize(PageCount(1000)).expect("there is room on the disk");
    let more = write(&swap, 10..500).expect("there is room");
    let error = swap.resize(PageCount(499)).unwrap_err();
    assert!(
        matches!(error, SwapError::InUse { asked: PageCount(499), least: PageCount(500) }),
        "{error}, {more:?}"
    );
    assert_eq!(swap.usage().total, PageCount(1000));
    free(&swap, &more);
    swap.resize(PageCount(10)).expect("the end is unused");
    swap.audit().expect("the file is sound");
    assert!(matches!(write(&swap, [1]), Err(SwapError::Full { .. })));
    assert_eq!(read(&swap, slots[9]).expect("it was written"), page(9));
}

#[test]
fn the_lowest_extents_are_used_again_first() {
    let (_dir, swap) = swap(4 * 64);
    let slots = write(&swap, 0..3 * 64).expect("there is room");
    // The second extent is half free now, and the first has a hole.
    free(&swap, &slots[64..96]);
    swap.free(slots[1]);
    assert_eq!(write(&swap, 0..32).expect("there is room"), slots[64..96]);
    // The fourth extent, still empty, goes before the hole.
    assert_eq!(write(&swap, 0..64).expect("there is room")[0].bits(), 3 * 64);
    assert_eq!(write(&swap, [0]).expect("there is room"), [slots[1]]);
    swap.audit().expect("the file is sound");
}

#[test]
fn an_older_page_of_the_same_slot_is_found_out() {
    let (_dir, swap) = swap(1);
    let slot = write(&swap, [1]).expect("there is room")[0];
    let old = block(&intruder(&swap), slot);
    swap.free(slot);
    assert_eq!(write(&swap, [2]).expect("there is room"), [slot]);
    intruder(&swap).write_all_at(&old, slot.offset()).expect("it can be written");
    assert_altered(&swap, slot);
    assert_eq!(swap.usage().failures, 1);
}

#[test]
fn exchanged_slots_are_found_out() {
    let (_dir, swap) = swap(2);
    let slots = write(&swap, [1, 2]).expect("there is room");
    let file = intruder(&swap);
    let blocks = [block(&file, slots[0]), block(&file, slots[1])];
    file.write_all_at(&blocks[0], slots[1].offset()).expect("it can be written");
    assert_altered(&swap, slots[1]);
    file.write_all_at(&blocks[1], slots[0].offset()).expect("it can be written");
    assert_altered(&swap, slots[0]);
    // Put back as it was, it is what was written.
    file.write_all_at(&blocks[0], slots[0].offset()).expect("it can be written");
    assert_eq!(read(&swap, slots[0]).expect("it was written"), page(1));
}

#[test]
fn a_truncated_file_is_found_out() {
    let (_dir, swap) = swap(8);
    let slots = write(&swap, 0..8).expect("there is room");
    intruder(&swap).set_len(4 * PAGE_SIZE).expect("it can be cut");
    for cut in &slots[4..] {
        assert!(matches!(read(&swap, *cut), Err(SwapError::Read { slot, .. }) if slot == *cut));
    }
    assert_eq!(read(&swap, slots[3]).expect("it is still there"), page(3));
    assert!(matches!(
        swap.read_run(slots[3], &mut [[0; PAGE_SIZE as usize]; 2]),
        Err(SwapError::Read { .. })
    ));
    assert!(swap.audit().unwrap_err().starts_with("INV-7"));
    // Made as long again, it reads as zeros, which nobody sealed.
    intruder(&swap).set_len(8 * PAGE_SIZE).expect("it can be lengthened");
    assert_altered(&swap, slots[7]);
}

#[test]
fn a_write_that_fails_has_swapped_nothing() {
    let (_dir, mut swap) = swap(600);
    let kept = write(&swap, [1]).expect("there is room")[0];
    let full = OpenOptions::new().read(true).write(true).open("/dev/full").expect("Linux has it");
    let file = std::mem::replace(&mut swap.storage.file, full);
    let error = write(&swap, 0..400).unwrap_err();
    assert!(
        matches!(&error, SwapError::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    swap.storage.file = file;

    let usage = swap.usage();
    assert_eq!((usage.used, usage.written, usage.failures), (PageCount(1), PageCount(1).bytes(), 1));
    swap.audit().expect("the file is sound");
    write(&swap, 0..599).expect("all other slots are free");
    assert_eq!(read(&swap, kept).expect("it was written"), page(1));
}

#[test]
fn a_page_stays_where_it_could_not_be_read() {
    let (_dir, mut swap) = swap(2);
    let slot = write(&swap, [1]).expect("there is room")[0];
    let unreadable = OpenOptions::new().write(true).open("/dev/null").expect("Linux has it");
    let file = std::mem::replace(&mut swap.storage.file, unreadable);
    assert!(matches!(read(&swap, slot), Err(SwapError::Read { slot: named, .. }) if named == slot));
    swap.storage.file = file;
    assert_eq!(read(&swap, slot).expect("the disk works again"), page(1));
}

#[test]
fn without_direct_transfers_it_goes_through_the_page_cache() {
    let (_dir, mut swap) = swap(300);
    swap.storage.use_page_cache().expect("the flag can be cleared");
    let slots = write(&swap, 0..300).expect("there is room");
    for (slot, content) in slots.into_iter().zip(0..) {
        assert_eq!(read(&swap, slot).expect("it was written"), page(content));
    }
}

#[test]
fn short_and_interrupted_transfers_go_on() {
    let page = PAGE_SIZE as usize;
    let mut script =
        [Ok(page), Err(io::ErrorKind::Interrupted.into()), Ok(page + 512), Ok(2 * page)].into_iter();
    let mut asked = Vec::new();
    let result = storage::transfer(4, |done| {
        asked.push(done);
        script.next().expect("no more is asked for")
    });
    assert!(result.is_ok());
    // Half a page does not count: it is moved again.
    assert_eq!(asked, [0, 1, 1, 2]);

    for end in [0, 512] {
        let error = storage::transfer(1, |_| Ok(end)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
    let error = storage::transfer(1, |_| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
#[should_panic(expected = "has a page")]
fn a_free_slot_is_not_read() {
    let (_dir, swap) = swap(1);
    let slot = write(&swap, [1]).expect("there is room")[0];
    swap.free(slot);
    let _ = read(&swap, slot);
}

#[test]
#[should_panic(expected = "is taken")]
fn a_slot_is_freed_once() {
    let (_dir, swap) = swap(2);
    let slots = write(&swap, [1, 2]).expect("there is room");
    swap.free(slots[0]);
    swap.free(slots[0]);
}

#[test]
fn threads_write_read_free_and_resize_at_once() {
    let (_dir, swap) = swap(2000);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let swap = &swap;
            scope.spawn(move || {
                for round in 0..30 {
                    let first = thread << 32 | round << 16;
                    let slots = write(swap, first..first + 100).expect("there is room for every thread");
                    for (&slot, content) in slots.iter().zip(first..) {
                        assert_eq!(read(swap, slot).expect("it was written"), page(content));
                    }
                    free(swap, &slots);
                }
            });
        }
        for size in [3000, 2000, 2500, 2000] {
            swap.resize(PageCount(size)).expect("the low slots are used first");
            swap.audit().expect("the file is sound");
        }
    });
    assert_eq!(swap.usage().used, PageCount(0));
}

proptest! {
    #[test]
    fn any_altered_bit_is_found_out(bit in 0..PAGE_SIZE * 8) {
        let (_dir, swap) = swap(1);
        let slot = write(&swap, [1]).expect("there is room")[0];
        let file = intruder(&swap);
        let mut block = block(&file, slot);
        block[bit as usize / 8] ^= 1 << (bit % 8);
        file.write_all_at(&block, slot.offset()).expect("it can be written");
        assert_altered(&swap, slot);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_does_as_a_map_from_slots_to_pages_does(
        size in 1..700u64,
        steps in vec((0..5u8, 1..400u64, any::<prop::sample::Index>()), 1..40),
    ) {
        let (_dir, swap) = swap(size);
        let mut size = size;
        let mut model = BTreeMap::new();
        for (number, (action, count, which)) in (1..).zip(steps) {
            let first = number << 16;
            let used = model.len() as u64;
            match action {
                0 | 1 => match write(&swap, first..first + count) {
                    Ok(slots) => for (slot, content) in slots.into_iter().zip(first..) {
                        prop_assert!(slot.bits() < size);
                        prop_assert_eq!(model.insert(slot, content), None, "the slot was free");
                    },
                    Err(SwapError::Full { .. }) => prop_assert!(used + count > size),
                    Err(error) => prop_assert!(false, "{}", error),
                },
                2 | 3 if !model.is_empty() => {
                    let from = which.index(model.len());
                    let some: Vec<_> = model.iter().skip(from).take(count as usize).map(|(&s, &c)| (s, c)).collect();
                    for (slot, content) in some {
                        prop_assert_eq!(read(&swap, slot).expect("it was written"), page(content));
                        swap.free(slot);
                        model.remove(&slot);
                    }
                }
                _ => {
                    let least = model.last_key_value().map_or(0, |(slot, _)| slot.bits() + 1);
                    match swap.resize(PageCount(count)) {
                        Ok(()) => size = count,
                        Err(error) => prop_assert!(count < least, "{}", error),
                    }
                }
            }
            swap.audit().expect("the file is sound");
            let usage = swap.usage();
            prop_assert_eq!((usage.total.0, usage.used.0), (size, model.len() as u64));
        }
    }
}

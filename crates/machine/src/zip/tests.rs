use super::place::CLASSES;
use super::*;
use crate::pool::Pool;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;

type Page = [u8; PAGE_SIZE as usize];

/// A page whose last `noise` bytes do not compress and whose others do, different for each seed.
fn page(noise: usize, seed: u64) -> Box<Page> {
    let mut page = Box::new([seed as u8; PAGE_SIZE as usize]);
    let mut state = seed;
    for byte in page.iter_mut().rev().take(noise) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    page
}

/// A store, the pool its frames come from, and which of those are free.
struct Fixture {
    pool: Pool,
    free: Vec<Mfn>,
    store: ZipStore,
    compressor: Compressor,
}

impl Fixture {
    fn new(frames: u64, limit: u64) -> Self {
        Self {
            pool: Pool::new(PageCount(frames).bytes()).expect("a small pool fits"),
            free: (0..frames).map(Mfn).collect(),
            store: ZipStore::new(PageCount(limit)),
            compressor: Compressor::default(),
        }
    }

    fn insert(&mut self, gfn: Gfn, page: &Page) -> Option<ZipHandle> {
        let compressed = self.compressor.compress(gfn, page)?;
        let more = || self.free.pop().map(|mfn| (mfn, self.pool.frame(mfn)));
        self.store.insert(&compressed, more)
    }

    fn remove(&mut self, gfn: Gfn, handle: ZipHandle) {
        let empty = self.store.remove(gfn, handle).expect("its links are sound");
        self.free.extend(empty);
    }

    fn read(&self, gfn: Gfn, handle: ZipHandle) -> Result<Box<Page>, Corrupt> {
        let mut into = Box::new([0xee; PAGE_SIZE as usize]);
        self.store.read(gfn, handle, &mut into).map(|()| into)
    }

    /// Every frame is free or the store's, never both or neither.
    fn audit(&self) {
        self.store.audit().expect("the store is sound");
        let mut all: Vec<_> = self.free.iter().copied().chain(self.store.frames()).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq((0..self.pool.size().0).map(Mfn)), "INV-5: each frame is in one place");
        let usage = self.store.usage();
        assert!(usage.frames <= usage.pages && usage.frames.0 == self.store.frames().count() as u64);
    }
}

#[test]
fn a_page_comes_back_as_it_was_and_its_frame_too() {
    let mut fixture = Fixture::new(1, 1);
    let page = page(500, 3);
    let handle = fixture.insert(Gfn(7), &page).expect("there is a frame");
    assert_eq!(fixture.store.usage().frames, PageCount(1));
    fixture.audit();

    let mut into = [0; PAGE_SIZE as usize];
    assert_eq!(fixture.store.take(Gfn(7), handle, &mut into), Ok(Some(Mfn(0))));
    assert_eq!(into, *page);
    assert_eq!(fixture.store.usage(), ZipUse::default());
}

#[test]
fn pages_that_shrink_to_less_than_half_are_taken_and_others_are_not() {
    let mut compressor = Compressor::default();
    let mut lengths: Vec<_> = (0..=PAGE_SIZE as usize)
        .step_by(16)
        .map(|noise| compressor.compress(Gfn(1), &page(noise, 5)).map(|page| page.bytes.len()))
        .collect();
    assert_eq!(lengths.last(), Some(&None));
    lengths.retain(Option::is_some);
    let longest = lengths.into_iter().flatten().max().expect("some shrink");
    assert!((place::MAX_BYTES - 16..=place::MAX_BYTES).contains(&longest), "{longest} bytes");
}

#[test]
fn a_page_that_does_not_look_as_if_it_shrank_is_not_compressed() {
    let mut noisy_sample = Box::new([0; PAGE_SIZE as usize]);
    noisy_sample[1000..1300].copy_from_slice(&page(300, 5)[PAGE_SIZE as usize - 300..]);
    assert!(Compressor::default().compress(Gfn(1), &noisy_sample).is_none());
    // The same beside the sample is no reason.
    noisy_sample.rotate_left(300);
    assert!(Compressor::default().compress(Gfn(1), &noisy_sample).is_some());
}

#[test]
fn each_class_fills_its_frames() {
    for (class, &places) in CLASSES.iter().enumerate() {
        let most = (PAGE_SIZE / u64::from(places)) / 8 * 8 - HEADER_BYTES;
        let mut compressor = Compressor::default();
        let mut fits = |noise: &usize| {
            let compressed = compressor.compress(Gfn(1), &page(*noise, 1));
            compressed.is_some_and(|page| page.bytes.len() as u64 <= most)
        };
        let noise = (0..most as usize).rev().find(&mut fits).expect("there is a page for every class");
        let mut fixture = Fixture::new(2, 2);
        for seed in 1..=u64::from(places) {
            fixture.insert(Gfn(seed), &page(noise, seed)).expect("there is a frame");
        }
        assert_eq!(fixture.store.usage().frames, PageCount(1), "class {class}: {places} pages in a frame");
        fixture.insert(Gfn(99), &page(noise, 99)).expect("there is a frame");
        assert_eq!(fixture.store.usage().frames, PageCount(2), "class {class}: one more needs another");
        fixture.audit();
    }
}

#[test]
fn without_a_frame_a_larger_place_will_do_and_then_none() {
    let (large, small) = (page(1900, 1), page(10, 2));
    for (frames, limit) in [(1, 9), (9, 1)] {
        let mut fixture = Fixture::new(frames, limit);
        fixture.insert(Gfn(1), &large).expect("there is a frame");
        let handle = fixture.insert(Gfn(2), &small).expect("the other half is free");
        let before = fixture.store.usage();
        assert_eq!(fixture.insert(Gfn(3), &small), None);
        assert_eq!(fixture.store.usage(), before);
        fixture.audit();
        fixture.remove(Gfn(2), handle);
        assert!(fixture.insert(Gfn(3), &small).is_some());
        fixture.audit();
    }
}

#[test]
fn a_lower_limit_keeps_what_is_there() {
    let mut fixture = Fixture::new(3, 3);
    let handles: Vec<_> =
        (0..4).map(|seed| fixture.insert(Gfn(seed), &page(1900, seed)).expect("there is room")).collect();
    fixture.store.set_limit(PageCount(1));
    assert_eq!(fixture.insert(Gfn(9), &page(1900, 9)), None);
    for (&handle, seed) in handles.iter().zip(0..) {
        assert_eq!(fixture.read(Gfn(seed), handle), Ok(page(1900, seed)));
    }
    for (handle, seed) in handles.into_iter().zip(0..) {
        fixture.remove(Gfn(seed), handle);
    }
    assert!(fixture.insert(Gfn(9), &page(1900, 9)).is_some());
}

#[test]
fn handles_are_numbers_and_back() {
    let handle = ZipHandle(u32::MAX - 1);
    assert!(handle.bits() < 1 << ZipHandle::BITS);
    assert_eq!(ZipHandle::from_bits(handle.bits()), handle);
}

#[test]
fn a_page_does_not_pass_for_another() {
    let mut fixture = Fixture::new(1, 1);
    let handle = fixture.insert(Gfn(1), &page(9, 9)).expect("there is a frame");
    assert_eq!(fixture.read(Gfn(2), handle), Err(Corrupt { gfn: Gfn(2), mfn: Mfn(0) }));
    // Nor if its header says so.
    let place = fixture.store.frames.place(handle);
    place.write_header(&Header { gfn: Gfn(2), ..place.header() });
    assert_eq!(fixture.read(Gfn(2), handle), Err(Corrupt { gfn: Gfn(2), mfn: Mfn(0) }));
    assert!(fixture.store.audit().unwrap_err().starts_with("INV-4: guest frame 0x2 was damaged"));
}

#[test]
#[should_panic(expected = "is a page in the zip store")]
fn a_page_is_taken_out_once() {
    let mut fixture = Fixture::new(1, 1);
    let handle = fixture.insert(Gfn(1), &page(9, 9)).expect("there is a frame");
    fixture.remove(Gfn(1), handle);
    fixture.remove(Gfn(1), handle);
}

#[test]
fn audits_find_what_is_wrong() {
    let sound = || {
        let mut fixture = Fixture::new(4, 4);
        let handles: Vec<_> =
            (0..5).map(|seed| fixture.insert(Gfn(seed), &page(1900, seed)).expect("there is room")).collect();
        (fixture, handles)
    };
    let violations: [fn(&mut ZipStore, &[ZipHandle]); 6] = [
        |store, _| store.pages -= 1,
        |store, _| store.compressed += 1,
        |store, handles| store.oldest = Some(handles[1]),
        |store, handles| store.newest = Some(handles[1]),
        |store, handles| store.frames.place(handles[4]).set_newer(Some(handles[0])),
        |store, handles| store.frames.place(handles[2]).set_older(None),
    ];
    for violate in violations {
        let (mut fixture, handles) = sound();
        fixture.audit();
        violate(&mut fixture.store, &handles);
        assert!(fixture.store.audit().unwrap_err().starts_with("INV-5"));
    }
}

#[test]
fn damaged_links_keep_a_page_where_it_is_and_harm_no_other() {
    for bit in 0..64 {
        let mut fixture = Fixture::new(3, 3);
        let handles: Vec<_> =
            (0..3).map(|seed| fixture.insert(Gfn(seed), &page(1900, seed)).expect("there is room")).collect();
        // The second page's links, in the second half of the frame that is taken first.
        let links = PAGE_SIZE / 2 + 16;
        fixture.pool.frame(Mfn(2)).update::<u64>(links, |word| word ^ 1 << bit);
        assert!(fixture.store.audit().is_err());
        let order: Vec<_> = fixture.store.oldest_first().map(|(gfn, _)| gfn).collect();
        assert!([&[] as &[Gfn], &[Gfn(0)], &[Gfn(0), Gfn(1)]].contains(&order.as_slice()), "{order:?}");
        let damaged = Err(Corrupt { gfn: Gfn(1), mfn: Mfn(2) });
        assert_eq!(fixture.store.remove(Gfn(1), handles[1]), damaged, "bit {bit}");
        for (seed, handle) in (0..).zip(&handles) {
            assert_eq!(fixture.read(Gfn(seed), *handle), Ok(page(1900, seed)), "bit {bit}");
        }
        // One neighbour can be taken out, the one that the damaged link does not concern; the other stays too.
        let removed = [0, 2].map(|n| fixture.store.remove(Gfn(n as u64), handles[n]).is_ok());
        assert_eq!(removed, [bit >= 32, bit < 32], "bit {bit}");
        let before = fixture.store.usage();
        let fourth = fixture.insert(Gfn(3), &page(1900, 3)).expect("there is room");
        assert_eq!(fixture.read(Gfn(3), fourth), Ok(page(1900, 3)));
        fixture.remove(Gfn(3), fourth);
        assert_eq!(fixture.store.usage(), before);
    }
}

proptest! {
    /// A flipped bit of a place is found out, or was one that no page depends on.
    #[test]
    fn a_flipped_bit_gives_no_wrong_page(noise in 0..1900usize, bit in any::<prop::sample::Index>()) {
        let mut fixture = Fixture::new(1, 1);
        let page = page(noise, 11);
        let handle = fixture.insert(Gfn(5), &page).expect("there is a frame");
        let bit = bit.index(HEADER_BYTES as usize * 8 + fixture.store.compressed as usize * 8) as u64;
        let frame = fixture.pool.frame(Mfn(0));
        let byte: u8 = frame.load(bit / 8);
        frame.store(bit / 8, byte ^ 1 << (bit % 8));
        match fixture.read(Gfn(5), handle) {
            Ok(found) => {
                prop_assert_eq!(found, page);
                prop_assert!(bit >= 2 * 64, "checksum, gfn and length are checked");
            }
            Err(corrupt) => prop_assert_eq!(corrupt, Corrupt { gfn: Gfn(5), mfn: Mfn(0) }),
        }
    }

    #[test]
    fn the_store_does_as_a_queue_of_pages_does(
        limit in 1..12u64,
        steps in vec((0..4u8, 0..2100usize, any::<prop::sample::Index>()), 1..100),
    ) {
        let mut fixture = Fixture::new(10, limit);
        let mut model: VecDeque<(Gfn, ZipHandle, Box<Page>)> = VecDeque::new();
        for (number, (action, noise, which)) in (1..).zip(steps) {
            if action < 2 {
                let page = page(noise, number);
                if let Some(handle) = fixture.insert(Gfn(number), &page) {
                    model.push_back((Gfn(number), handle, page));
                }
            } else if !model.is_empty() {
                let which = if action == 2 { 0 } else { which.index(model.len()) };
                let (gfn, handle, page) = model.remove(which).expect("it is in the model");
                prop_assert_eq!(fixture.read(gfn, handle), Ok(page));
                fixture.remove(gfn, handle);
            }
            fixture.audit();
            prop_assert!(fixture.store.usage().frames <= PageCount(limit));
            let order: Vec<_> = model.iter().map(|(gfn, handle, _)| (*gfn, *handle)).collect();
            prop_assert_eq!(fixture.store.oldest_first().collect::<Vec<_>>(), order);
        }
    }
}

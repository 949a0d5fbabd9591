//! Which slots of a swap file are taken, and the seals of the pages in them.
//!
//! **Model.** The file is divided into *extents* of 64 slots, 256 KiB. An extent keeps its seals in
//! memory only while a slot of it is taken. A slot is free, taken (being written), or has a seal.
//!
//! Slots are taken from one extent until it is full, then from the first that is at least half
//! free, and only if there is none from the first with a free slot: so writes stay in long runs,
//! and the end of the file, which is where it may shrink, fills last.
//!
//! **Cost.** Taking and freeing are O(slots) plus the extents passed over, which are not passed over
//! again until one of them has room.

use super::Slot;
use super::seal::Seal;
use crate::frame::Audit;
use addr::PageCount;

/// Slots in an extent.
pub(super) const EXTENT: u64 = 64;
const HALF: u64 = EXTENT / 2;

/// Neighbouring slots.
pub(super) struct Run {
    pub(super) first: Slot,
    pub(super) count: u64,
}

impl Run {
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (self.first.0..self.first.0 + self.count).map(Slot)
    }
}

#[derive(Default)]
struct Extent {
    /// A bit for each slot.
    taken: u64,
    /// Present while a slot is taken.
    seals: Option<Box<[Option<Seal>; EXTENT as usize]>>,
}

impl Extent {
    fn is_taken(&self, place: usize) -> bool {
        self.taken & 1 << place != 0
    }
}

const _: () = assert!(size_of::<Extent>() == 16, "the cost per extent that the documentation names");
/// Memory for each page in use.
pub(crate) const BYTES_PER_SLOT: u64 = size_of::<Option<Seal>>() as u64;
const _: () = assert!(BYTES_PER_SLOT == 24, "the cost per page that the documentation names");

pub(super) struct Slots {
    total: u64,
    used: u64,
    extents: Vec<Extent>,
    /// The extent that slots are taken from.
    current: usize,
    /// No extent before this one is half free.
    half_free: usize,
    /// No extent before this one has a free slot.
    not_full: usize,
}

fn split(slot: Slot) -> (usize, usize) {
    ((slot.0 / EXTENT) as usize, (slot.0 % EXTENT) as usize)
}

impl Slots {
    pub(super) fn new(total: PageCount) -> Self {
        let mut slots =
            Self { total: 0, used: 0, extents: Vec::new(), current: 0, half_free: 0, not_full: 0 };
        slots.grow(total);
        slots
    }

    pub(super) fn total(&self) -> PageCount {
        PageCount(self.total)
    }

    pub(super) fn used(&self) -> PageCount {
        PageCount(self.used)
    }

    pub(super) fn grow(&mut self, total: PageCount) {
        assert!(total.0 >= self.total, "{total:?} is a size to grow to");
        self.set_total(total.0);
    }

    /// Gives the slots from `total` on up, or says how many have to stay.
    pub(super) fn shrink(&mut self, total: PageCount) -> Result<(), PageCount> {
        let least = self.least();
        if total.0 < least {
            return Err(PageCount(least));
        }
        self.set_total(total.0);
        Ok(())
    }

    fn set_total(&mut self, total: u64) {
        self.total = total;
        self.extents.resize_with(total.div_ceil(EXTENT) as usize, Extent::default);
        (self.current, self.half_free, self.not_full) = (0, 0, 0);
    }

    /// One more than the last slot taken.
    fn least(&self) -> u64 {
        let last = self.extents.iter().rposition(|extent| extent.taken != 0);
        last.map_or(0, |number| {
            let places = u64::BITS - self.extents[number].taken.leading_zeros();
            number as u64 * EXTENT + u64::from(places)
        })
    }

    /// Slots that the extent has: the last one may be cut off by the end of the file.
    fn capacity(&self, number: usize) -> u64 {
        self.total.saturating_sub(number as u64 * EXTENT).min(EXTENT)
    }

    fn room(&self, number: usize) -> u64 {
        let taken = self.extents.get(number).map_or(0, |extent| u64::from(extent.taken.count_ones()));
        self.capacity(number) - taken
    }

    /// Takes `wanted` slots, or says how many are free.
    pub(super) fn take(&mut self, wanted: PageCount) -> Result<Vec<Run>, PageCount> {
        let free = self.total - self.used;
        if wanted.0 > free {
            return Err(PageCount(free));
        }
        let mut runs = Vec::new();
        let mut left = wanted.0;
        while left > 0 {
            self.current = self.extent_with_room();
            left -= self.take_from(self.current, left, &mut runs);
        }
        self.used += wanted.0;
        Ok(runs)
    }

    fn extent_with_room(&mut self) -> usize {
        if self.room(self.current) > 0 {
            return self.current;
        }
        let all = self.extents.len();
        self.half_free = (self.half_free..all).find(|&number| self.room(number) >= HALF).unwrap_or(all);
        if self.half_free < all {
            return self.half_free;
        }
        self.not_full = (self.not_full..all)
            .find(|&number| self.room(number) > 0)
            .expect("INV-5: slots counted as free are in an extent");
        self.not_full
    }

    fn take_from(&mut self, number: usize, wanted: u64, runs: &mut Vec<Run>) -> u64 {
        let capacity = self.capacity(number) as usize;
        let extent = &mut self.extents[number];
        extent.seals.get_or_insert_with(|| Box::new([None; EXTENT as usize]));
        let mut run: Option<Run> = None;
        let mut count = 0;
        for place in 0..capacity {
            if extent.is_taken(place) || count == wanted {
                runs.extend(run.take());
                continue;
            }
            extent.taken |= 1 << place;
            count += 1;
            let slot = Slot(number as u64 * EXTENT + place as u64);
            run.get_or_insert(Run { first: slot, count: 0 }).count += 1;
        }
        runs.extend(run);
        count
    }

    /// Notes the seals of pages that were written to taken slots.
    pub(super) fn publish(&mut self, run: &Run, seals: &[Seal]) {
        for (slot, seal) in run.slots().zip(seals) {
            let (number, place) = split(slot);
            let extent = &mut self.extents[number];
            assert!(extent.is_taken(place), "{slot:?} is taken");
            extent.seals.as_mut().expect("slots are taken")[place] = Some(*seal);
        }
    }

    /// The seals of pages that were written.
    pub(super) fn seals(&self, run: &Run) -> Vec<Seal> {
        let seal = |slot| {
            let (number, place) = split(slot);
            self.extents.get(number)?.seals.as_ref()?[place]
        };
        run.slots().map(|slot| seal(slot).unwrap_or_else(|| panic!("{slot:?} has a page"))).collect()
    }

    /// Frees a slot, written or not.
    pub(super) fn free(&mut self, slot: Slot) {
        let (number, place) = split(slot);
        let extent = self.extents.get_mut(number).filter(|extent| extent.is_taken(place));
        let extent = extent.unwrap_or_else(|| panic!("{slot:?} is taken"));
        extent.taken &= !(1 << place);
        match &mut extent.seals {
            Some(seals) if extent.taken != 0 => seals[place] = None,
            seals => *seals = None,
        }
        self.used -= 1;
        self.not_full = self.not_full.min(number);
        if self.room(number) >= HALF {
            self.half_free = self.half_free.min(number);
        }
    }

    /// Checks each extent and the counts, and gives the size.
    pub(super) fn audit(&self) -> Result<PageCount, String> {
        (0..self.extents.len()).try_for_each(|number| self.audit_extent(number))?;
        let used: u64 = self.extents.iter().map(|extent| u64::from(extent.taken.count_ones())).sum();
        if used != self.used || self.least() > self.total {
            let (counted, least, total) = (self.used, self.least(), self.total);
            return Err(format!("INV-5: {used} slots taken, {counted} counted, up to {least} of {total}"));
        }
        Ok(PageCount(self.total))
    }

    fn audit_extent(&self, number: usize) -> Audit {
        let extent = &self.extents[number];
        if (extent.taken == 0) != extent.seals.is_none() {
            return Err(format!("INV-5: extent {number} has seals and no slot taken, or none and some"));
        }
        for (place, seal) in extent.seals.iter().flat_map(|seals| seals.iter()).enumerate() {
            if seal.is_some() && !extent.is_taken(place) {
                return Err(format!("INV-5: slot {place} of extent {number} has a page and is not taken"));
            }
        }
        let room = self.room(number);
        if room > 0 && number < self.not_full || room >= HALF && number < self.half_free {
            return Err(format!("INV-7: extent {number} has {room} free slots that are not looked for"));
        }
        Ok(())
    }
}

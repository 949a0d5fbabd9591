//! The clock by which victims are chosen: in which order its two hands pass the pages, and where they are.
//!
//! **Model.** The front hand watches pages, the back hand follows at a distance and takes those that nobody
//! has used since. They pass some neighbouring pages, then hop to others far away, until a lap has passed
//! each page once.
//!
//! ```text
//!   pages   | 0..63 | 64..127 | 128..191 | 192..255 | 256..319 | 320..335 |
//!   passed    1st      3rd       5th        2nd        4th        last
//! ```
//!
//! Hands that passed pages in their order would keep just ahead of a program that goes through more memory
//! than it may hold, and take every page before it comes to it. Neighbours leave together, so that they can
//! be read back together.
//!
//! **Sources.** Measured in `docs/decisions/0015-victims-are-watched.md`.

use crate::pool::Page;
use addr::PageCount;

/// Neighbouring pages passed before a hop.
const GROUP: u64 = 64;
/// The front hand is ahead of the back hand by this part of a lap.
const AHEAD: u64 = 8;

/// See the module's documentation. The hands count the pages they passed, lap after lap.
pub(crate) struct Clock {
    /// Pages in a lap: all the VM has.
    lap: u64,
    /// How many groups further each hop leads.
    hop: u64,
    back: u64,
    front: u64,
    /// Pages that the back hand has passed in search of what is wanted at present.
    searched: u64,
    /// Where contents wait to be swapped out, kept because the host takes long to give fresh memory.
    pub(crate) for_swap: Vec<Page>,
}

impl Clock {
    pub(crate) fn new(size: PageCount) -> Self {
        let groups = size.0 / GROUP;
        // By the golden ratio, or nearly, what was passed lately is spread evenly over all.
        let near = (groups * 618 / 1000).max(1);
        let hop =
            (near..=near + groups).find(|&hop| gcd(hop, groups) == 1).expect("one is a multiple plus 1");
        Self { lap: size.0, hop, back: 0, front: 0, searched: 0, for_swap: Vec::new() }
    }

    /// Pages in a lap.
    pub(crate) fn lap(&self) -> u64 {
        self.lap
    }

    /// The number of the page that a hand passes after so many others.
    fn page_after(&self, passed: u64) -> u64 {
        let (groups, place) = (self.lap / GROUP, passed % self.lap);
        let group = place / GROUP;
        // Those behind the last whole group come last.
        if group == groups { place } else { group * self.hop % groups * GROUP + place % GROUP }
    }

    /// Moves the hands on by a page; tells `watch` each page that the front hand passes, and gives the one
    /// that the back hand does.
    pub(crate) fn advance(&mut self, mut watch: impl FnMut(u64)) -> u64 {
        self.front = self.front.max(self.back);
        while self.front < self.back + self.lap.div_ceil(AHEAD) {
            watch(self.page_after(self.front));
            self.front += 1;
        }
        self.back += 1;
        self.searched += 1;
        self.page_after(self.back - 1)
    }

    /// Pages passed since the search began.
    pub(crate) fn searched(&self) -> u64 {
        self.searched
    }

    /// Whatever is wanted next, the search for it begins anew.
    pub(crate) fn end_search(&mut self) {
        self.searched = 0;
    }

    /// Which pages the hands pass next.
    #[cfg(test)]
    pub(crate) fn hands(&self) -> [u64; 2] {
        [self.back, self.front].map(|passed| passed % self.lap)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_lap_passes_every_page_once_with_neighbours_together() {
        for size in (1..700).chain([1 << 14, (1 << 14) + 1, 99_991]) {
            let mut clock = Clock::new(PageCount(size));
            let passed: Vec<u64> = (0..size).map(|_| clock.advance(|_| ())).collect();
            let seen: HashSet<u64> = passed.iter().copied().collect();
            assert!(seen.len() as u64 == size && seen.iter().all(|&page| page < size), "{size} pages");
            for group in passed.chunks(GROUP as usize) {
                assert!(group.windows(2).all(|pair| pair[1] == pair[0] + 1), "{size} pages: {group:?}");
            }
            assert_eq!((clock.searched(), clock.hands()[0]), (size, 0));
        }
    }

    #[test]
    fn what_is_passed_in_a_quarter_of_a_lap_is_spread_over_all_pages() {
        let size = 64 * GROUP;
        let mut clock = Clock::new(PageCount(size));
        let mut passed: Vec<u64> = (0..size / 4).map(|_| clock.advance(|_| ())).collect();
        passed.sort_unstable();
        let widest = passed.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest < Some(8 * GROUP), "{widest:?}");
    }

    #[test]
    fn the_front_hand_passes_every_page_before_the_back_hand_does() {
        let mut clock = Clock::new(PageCount(1000));
        let mut ahead = HashSet::new();
        for _ in 0..1000 {
            let page = clock.advance(|page| _ = ahead.insert(page));
            assert!(ahead.contains(&page));
        }
    }
}

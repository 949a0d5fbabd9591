//! A simulated guest: it has memory and a balloon's driver, and does what its moods say.

use crate::guest::Guest;
use addr::{Gfn, PAGE_SIZE, PageCount};
use devices::{BalloonFeatures, BalloonReport, DriverState};
use fastrand::Rng;
use machine::{PageState, VmMemory};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a balloon's driver behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Driver {
    /// It gives what it is asked for, so many pages a tick.
    Gives(u64),
    /// It does nothing.
    Stuck,
    /// It says that it gave, and did not.
    Lies,
    /// There is none.
    Absent,
}

/// A guest without a processor.
pub(super) struct Simulated {
    memory: Arc<VmMemory>,
    /// Zeros, what all guests have, what compresses well, and what does not.
    contents: [Vec<u8>; 4],
    inside: Mutex<Inside>,
}

struct Inside {
    driver: Driver,
    /// The pages that it uses: so many from the first on, and how many of them in a tick.
    uses: std::ops::Range<u64>,
    touches: u64,
    target: PageCount,
    ballooned: Vec<Gfn>,
    changed: Option<Instant>,
    ran: Duration,
    waits: bool,
}

impl Simulated {
    pub(super) fn new(memory: Arc<VmMemory>, random: &mut Rng) -> Self {
        let driver = match random.u8(..10) {
            0 => Driver::Stuck,
            1 => Driver::Lies,
            2 => Driver::Absent,
            3 => Driver::Gives(4),
            _ => Driver::Gives(200),
        };
        let inside = Inside {
            driver,
            uses: 0..0,
            touches: 0,
            target: PageCount(0),
            ballooned: Vec::new(),
            changed: None,
            ran: Duration::ZERO,
            waits: false,
        };
        let noise = (0..PAGE_SIZE).map(|_| random.u8(8..)).collect();
        let contents =
            [vec![0; PAGE_SIZE as usize], vec![7; PAGE_SIZE as usize], vec![9; PAGE_SIZE as usize], noise];
        let guest = Self { memory, contents, inside: Mutex::new(inside) };
        guest.change_mood(random);
        guest
    }

    /// From now on it uses other pages, more or fewer of them.
    pub(super) fn change_mood(&self, random: &mut Rng) {
        let size = self.memory.pmap().size().0;
        let first = random.u64(..size / 2);
        let mut inside = self.inside.lock();
        inside.uses = first..random.u64(first + 1..=size);
        inside.touches = [0, 1, 2, 8, 32][random.usize(..5)];
    }

    /// Its driver breaks, or is mended.
    pub(super) fn set_driver(&self, driver: Driver) {
        self.inside.lock().driver = driver;
    }

    /// What it does in a tick: it uses pages until it has to wait for a frame, and its driver works.
    pub(super) fn act(&self, tick: Duration, now: Instant, random: &mut Rng) {
        let mut inside = self.inside.lock();
        inside.waits = false;
        for _ in 0..inside.touches {
            let gfn = self.page(random.u64(inside.uses.clone()));
            if self.would_wait(gfn) {
                inside.waits = true;
                break;
            }
            self.write(gfn, random);
        }
        inside.ran += tick;
        self.drive(&mut inside, now, random);
    }

    /// One of its pages, counted from 0.
    fn page(&self, number: u64) -> Gfn {
        Gfn(self.memory.pmap().first().0 + number)
    }

    /// Whether a write to the page needs a frame that it cannot have now.
    fn would_wait(&self, gfn: Gfn) -> bool {
        let is_private = matches!(self.memory.pmap().state(gfn), Some((PageState::Private(_), _)));
        !is_private && !self.memory.may_take_frame()
    }

    /// Writes to a page: a content that others have, too, or one that begins with what nobody else has.
    fn write(&self, gfn: Gfn, random: &mut Rng) {
        let mut own = random.u64(..).to_le_bytes();
        let content = match random.u8(..8) {
            0 => &self.contents[0],
            1 => &self.contents[1],
            2..=4 => &self.contents[2],
            _ => &self.contents[3],
        };
        if content[8] < 8 {
            own = [content[8]; 8];
        }
        // Most writes are small.
        let is_new =
            matches!(self.memory.pmap().state(gfn), Some((PageState::Untouched | PageState::Zero(_), _)));
        let whole = if is_new || random.u8(..16) == 0 { content } else { &own[..] };
        let written = self.memory.write(gfn.base(), whole);
        let written = written.and_then(|()| self.memory.write(gfn.base(), &own));
        written.expect("there is a frame, and what was swapped comes back");
    }

    fn drive(&self, inside: &mut Inside, now: Instant, random: &mut Rng) {
        let Driver::Gives(most) = inside.driver else { return };
        let (has, target) = (inside.ballooned.len() as u64, inside.target.0);
        if has == target {
            return;
        }
        inside.changed = Some(now);
        if has > target {
            let left = has - (has - target).min(most);
            let back = inside.ballooned.split_off(left as usize);
            self.memory.deflate(&back);
            return;
        }
        // Like Linux, it takes what nobody uses first, and may run into its programs' pages.
        let size = self.memory.pmap().size().0;
        let mut free: Vec<u64> = (0..(target - has).min(most)).map(|_| random.u64(..size)).collect();
        free.sort_unstable();
        free.dedup();
        free.retain(|page| !inside.uses.contains(page));
        let mut pages: Vec<Gfn> = free.into_iter().map(|page| self.page(page)).collect();
        pages.retain(|page| !inside.ballooned.contains(page));
        self.memory.inflate(&pages);
        inside.ballooned.extend(pages);
    }
}

impl Guest for Simulated {
    fn is_paused(&self) -> bool {
        false
    }

    fn running_time(&self) -> Duration {
        self.inside.lock().ran
    }

    fn balloon(&self) -> BalloonReport {
        let inside = self.inside.lock();
        let held = PageCount(inside.ballooned.len() as u64);
        BalloonReport {
            driver: if inside.driver == Driver::Absent { DriverState::Absent } else { DriverState::Present },
            features: BalloonFeatures::default(),
            cushion: PageCount(0),
            target: inside.target,
            target_set: None,
            actual: if inside.driver == Driver::Lies { inside.target } else { held },
            held,
            held_changed: inside.changed,
            reported: PageCount(0),
            statistics: None,
            statistics_asked: None,
            mistakes: 0,
            last_mistake: None,
        }
    }

    fn set_balloon_target(&self, target: PageCount) {
        self.inside.lock().target = target;
    }

    fn waits(&self) -> bool {
        self.inside.lock().waits
    }
}

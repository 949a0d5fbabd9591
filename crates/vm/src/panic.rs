//! How it is noticed that a guest's kernel panicked.
//!
//! **Model.** A kernel with a driver for the panic port says so itself: that is certain. For others, Linux's words on a
//! console are a hint; a program may print them as well. A kernel that panicked runs no program any more, but
//! spins: so the hint is taken for true once one of the guest's processors has executed instructions for
//! [`SPINS_FOR`] without waiting for an interrupt, and none was seen in a program, has had an exception, and so no system
//! call, or changed its address space. A guest that does otherwise for [`HINT_LASTS`] is believed to live.
//!
//! ```text
//!   panic port ------------------------------------------------> told
//!   consoles --"Kernel panic - not syncing"--> hint --spins--> said on its console
//! ```
//!
//! A kernel that is silent on its consoles (`quiet` does not silence it), or that neither has a driver for the port nor says
//! Linux's words, is not noticed here; its agent falls silent.
//!
//! **Concurrency.** Consoles are listened to under their devices' locks, by a counter of bytes that match. Whoever looks takes
//! each hart, but only while there is a hint.

use crate::vm::{Shared, Vm};
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What Linux says on its consoles, with the reason behind it.
const WORDS: &[u8] = b"Kernel panic - not syncing";
/// For how long the guest must have done nothing but spin.
const SPINS_FOR: Duration = Duration::from_secs(3);
/// How long a hint is followed.
const HINT_LASTS: Duration = Duration::from_mins(1);

/// How a panic was noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Panic {
    /// The kernel said so through the panic port.
    Told,
    /// The kernel said so on a console, and runs no program since.
    OnConsole,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Told => "the guest's kernel panicked, as it told its host",
            Self::OnConsole => "the guest's kernel panicked, as it said on its console",
        })
    }
}

/// Listens to a guest's consoles.
#[derive(Default)]
pub(crate) struct Listener {
    /// How many of the words' bytes the end of what was said has.
    matched: Mutex<usize>,
    heard: AtomicBool,
}

impl Listener {
    pub(crate) fn hear(&self, bytes: &[u8]) {
        let mut matched = self.matched.lock();
        for &byte in bytes {
            // The words begin with a letter that is not in them again.
            *matched = if byte == WORDS[*matched] { *matched + 1 } else { usize::from(byte == WORDS[0]) };
            if *matched == WORDS.len() {
                *matched = 0;
                self.heard.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// What is known of a panic.
#[derive(Default)]
pub(crate) struct PanicWatch {
    known: Option<Panic>,
    hint: Option<Hint>,
}

/// The words were heard.
struct Hint {
    since: Instant,
    /// What the guest had done when it was last seen to run a program, and when that was.
    did: Done,
    at: Instant,
}

/// What a guest has done so far.
#[derive(Clone, Debug, Default)]
struct Done {
    /// Exceptions, and changes of address space: programs cannot do without.
    by_programs: u64,
    /// One is in a program now.
    in_program: bool,
    /// Each hart's instructions, and how often it waited for an interrupt.
    harts: Vec<(u64, u64)>,
}

impl Hint {
    /// The hint after a look at what the guest `did` by `now`, and whether it holds.
    fn look(mut self, did: Done, now: Instant) -> (Option<Self>, bool) {
        if did.in_program || did.by_programs != self.did.by_programs {
            (self.did, self.at) = (did, now);
            return ((now - self.since < HINT_LASTS).then_some(self), false);
        }
        let mut harts = self.did.harts.iter().zip(&did.harts);
        let one_spins = harts.any(|(before, now)| before.0 < now.0 && before.1 == now.1);
        let spins = one_spins && now - self.at >= SPINS_FOR;
        let goes_on = !spins && now - self.since < HINT_LASTS;
        (goes_on.then_some(self), spins)
    }
}

impl Shared {
    fn done(&self) -> Done {
        let mut done = Done::default();
        self.vcpus.for_each_hart(|_, vcpu, hart| {
            let counts = hart.counts();
            done.in_program |= hart.registers().user;
            done.by_programs += counts.exceptions + hart.mmu().counts().switches;
            done.harts.push((counts.instructions, vcpu.waits()));
        });
        done
    }
}

impl Vm {
    /// Whether the guest's kernel was seen to panic, by what [`Vm::look_for_panic`] found. Once it was it stays so: a
    /// guest that panicked does not come back.
    pub fn panicked(&self) -> Option<Panic> {
        self.shared.panic.lock().known
    }

    /// Looks whether the guest's kernel panicked. To be called about once a second. While the guest's console says so and it is not
    /// known whether to believe that, each hart gives up its lock.
    pub fn look_for_panic(&self) -> Option<Panic> {
        let board = &self.shared.board;
        let heard = board.panic_listener().heard.swap(false, Ordering::Relaxed);
        let hint = {
            let mut watch = self.shared.panic.lock();
            if watch.known.is_none() && board.told_panic() {
                watch.known = Some(Panic::Told);
            }
            if watch.known.is_some() {
                return watch.known;
            }
            watch.hint.take()
        };
        if hint.is_none() && !heard {
            return None;
        }
        let (did, now) = (self.shared.done(), Instant::now());
        let (hint, spins) = match hint {
            Some(hint) if !heard => hint.look(did, now),
            _ => (Some(Hint { since: now, did, at: now }), false),
        };
        let mut watch = self.shared.panic.lock();
        watch.hint = hint;
        if spins {
            watch.known = Some(Panic::OnConsole);
        }
        watch.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(said: &[&[u8]]) -> bool {
        let listener = Listener::default();
        for said in said {
            listener.hear(said);
        }
        listener.heard.load(Ordering::Relaxed)
    }

    #[test]
    fn the_words_are_found_wherever_they_are_cut() {
        let said = b"[   12.3] KKernel panic - not syncing: sysrq triggered crash\r\n";
        assert!(heard(&[said]));
        for at in 0..said.len() {
            assert!(heard(&[&said[..at], &said[at..]]), "{at}");
        }
        assert!(heard(&[b"Kernel panic - Kernel panic - not syncing"]));
        assert!(!heard(&[b"Kernel panic - not sync", b"ed, kernel panic - not syncing"]));
    }

    #[test]
    fn a_hint_holds_if_the_guest_spins_and_ends_if_it_lives_on() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let did = |by_programs, harts: &[(u64, u64)]| Done {
            by_programs,
            in_program: false,
            harts: harts.to_vec(),
        };
        let hint = || Hint { since: begin, did: did(10, &[(100, 7), (500, 9)]), at: begin };
        let looks = |looks: &[(u64, Done)]| {
            let mut hint = Some(hint());
            let last = looks.iter().map(|(seconds, did)| {
                let (next, spins) = hint.take().expect("there is a hint").look(did.clone(), at(*seconds));
                hint = next;
                spins
            });
            (last.last().unwrap(), hint.is_some())
        };
        let spinning = did(10, &[(100, 7), (600, 9)]);
        assert_eq!(looks(&[(2, spinning.clone())]), (false, true), "too soon");
        assert_eq!(looks(&[(2, spinning.clone()), (3, spinning.clone())]), (true, false));
        let asleep = did(10, &[(100, 7), (500, 9)]);
        assert_eq!(looks(&[(30, asleep)]), (false, true));
        let idle = did(10, &[(150, 8), (600, 10)]);
        assert_eq!(looks(&[(30, idle)]), (false, true));
        let alive = did(11, &[(100, 7), (600, 9)]);
        assert_eq!(looks(&[(4, alive.clone()), (6, did(11, &[(100, 7), (700, 9)]))]), (false, true));
        assert_eq!(looks(&[(4, alive.clone()), (7, did(11, &[(100, 7), (700, 9)]))]), (true, false));
        let computing = Done { in_program: true, ..spinning.clone() };
        assert_eq!(looks(&[(30, computing)]), (false, true));
        assert_eq!(looks(&[(4, alive), (60, did(99, &[(100, 7), (700, 9)]))]), (false, false), "it lives");
    }
}

//! What the memory loop sees of a VM's guest: whether it panicked or fell silent, and the programs it killed.
//!
//! **Model.** Looked at once a second. What a guest says of itself is a claim, and counts for nothing but itself: the
//! kills of a guest that lies are its own.

use crate::running::Running;
use devices::BalloonReport;
use machine::PageCensus;
use model::What;
use sched::GuestState;
use sched::guest::{Pulse, Sign};
use std::collections::VecDeque;
use std::time::Duration;
use vm::Vm;

/// How often guests are asked what they say of their own memory, in seconds.
pub(super) const ASKED_EVERY: u64 = 15;
/// How long what a guest said is taken for what it would say.
const GOOD_FOR: Duration = Duration::from_mins(1);
/// Programs killed within so many seconds are killed lately.
const LATELY: u64 = 600;

/// One VM's guest.
#[derive(Default)]
pub(super) struct GuestWatch {
    pulse: Pulse,
    kills: Kills,
}

/// What a guest says of programs it killed.
#[derive(Default)]
struct Kills {
    total: Option<u64>,
    /// In which second it said how many more than before; at most one in a second.
    lately: VecDeque<(u64, u64)>,
}

impl Kills {
    /// Hears of so many since the guest's kernel started; says how many are new.
    fn hear(&mut self, second: u64, total: u64) -> u64 {
        let before = self.total.replace(total).unwrap_or(0);
        // A number that falls is that of a kernel that started anew.
        let new = total.checked_sub(before).unwrap_or(total);
        self.lately.retain(|(at, _)| at + LATELY > second);
        if new > 0 {
            self.lately.push_back((second, new));
        }
        new
    }

    fn lately(&self, second: u64) -> u64 {
        self.lately.iter().filter(|(at, _)| at + LATELY > second).map(|(_, kills)| kills).sum()
    }
}

impl GuestWatch {
    /// What is done once a second: `waits` is the part of it that the VM waited for memory.
    pub(super) fn second(&mut self, running: &Running, vm: &Vm, waits: f64, news: &mut Vec<What>) {
        let before = self.pulse.state();
        let panic = vm.look_for_panic();
        let held_up = waits > 0.5;
        self.pulse = self.pulse.second(Sign { panicked: panic.is_some(), answers: vm.heartbeats(), held_up });
        let now = self.pulse.state();
        *running.guest_state.lock() = now;
        let name = || running.name.clone();
        match (before, now) {
            (old, new) if old == new => {}
            (_, GuestState::Panicked) => {
                let how = panic.map_or_else(String::new, |panic| panic.to_string());
                news.push(What::GuestPanicked { vm: name(), how });
            }
            (_, GuestState::Silent) => {
                news.push(What::GuestSilent { vm: name(), seconds: self.pulse.silence().into() });
            }
            (GuestState::Silent, GuestState::Well) => news.push(What::GuestAnswers { vm: name() }),
            _ => {}
        }
    }

    /// Hears what the guest says of its memory, which is told if it killed programs.
    pub(super) fn hear(
        &mut self,
        running: &Running,
        second: u64,
        report: &BalloonReport,
        census: &PageCensus,
        news: &mut Vec<What>,
    ) {
        let Some((_, said)) = report.statistics else { return };
        let Some(total) = said.oom_kills else { return };
        let kills = self.kills.hear(second, total);
        if kills > 0 {
            news.push(What::GuestOomKills {
                vm: running.name.clone(),
                kills,
                total,
                ballooned_bytes: report.beyond_cushion(census.ballooned).bytes(),
                available_bytes: said.available,
            });
        }
    }

    pub(super) fn state(&self) -> GuestState {
        self.pulse.state()
    }

    /// Programs killed since its kernel started, if it says so, and in the last minutes.
    pub(super) fn kills(&self, second: u64) -> (Option<u64>, u64) {
        (self.kills.total, self.kills.lately(second))
    }
}

/// What the guest said of its memory, if that was lately.
pub(super) fn said(report: &BalloonReport) -> Option<devices::GuestStatistics> {
    report.statistics.filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, said)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_once_and_forgotten_after_a_while() {
        let mut kills = Kills::default();
        assert_eq!((kills.hear(10, 0), kills.lately(10)), (0, 0));
        assert_eq!(kills.hear(25, 2), 2);
        assert_eq!(kills.hear(26, 2), 0);
        assert_eq!(kills.hear(40, 3), 1);
        assert_eq!((kills.total, kills.lately(40)), (Some(3), 3));
        assert_eq!((kills.lately(24 + LATELY), kills.lately(25 + LATELY)), (3, 1));
        assert_eq!(kills.lately(40 + LATELY), 0);
    }

    #[test]
    fn a_kernel_that_starts_anew_counts_anew_and_one_that_lies_costs_nothing() {
        let mut kills = Kills::default();
        assert_eq!(kills.hear(1, 7), 7, "from before the first look");
        assert_eq!(kills.hear(2, 1), 1);
        for second in 3..5000 {
            kills.hear(second, second % 2 * u64::from(u32::MAX));
        }
        assert!(kills.lately.len() <= LATELY as usize);
    }
}

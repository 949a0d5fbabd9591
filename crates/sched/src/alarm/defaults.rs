//! The rules of a host that nobody has changed.
//!
//! **Model.** A host that is overcommitted shares, balloons, compresses and even swaps a little in its normal state, and
//! nobody need look. So what is on speaks of what hurts: memory that stays short although it is being reclaimed, VMs that wait, drivers that
//! do not do as they are asked, disks that fill up. What merely says that memory was reclaimed is there, and off.

use super::rule::{Rule, Threshold};
use super::subject::{Level, Subject};

/// The rules, by name.
pub fn defaults() -> Vec<Rule> {
    let mib = f64::from(1 << 20);
    vec![
        words("host-files", Subject::HostFiles, [("unreadable", "good"), ("unwritten", "unreadable")], 0),
        numbers("host-memory-limit", Subject::HostMemoryLimit, [(0.1, 0.0), (10.0, 5.0)], 5),
        words("host-memory-short", Subject::HostState, [("hard", "soft"), ("low", "hard")], 30),
        numbers("host-overcommitted", Subject::HostOvercommitment, [(100.0, 90.0), (200.0, 180.0)], 60).off(),
        numbers("swap-disk-full", Subject::SwapDiskFree, [(10.0, 12.0), (3.0, 5.0)], 30),
        words("vm-balloon-driver", Subject::VmBalloonDriver, [("stuck", "slow"), ("lying", "stuck")], 60),
        numbers("vm-ballooned", Subject::VmBallooned, [(25.0, 20.0), (50.0, 45.0)], 60).off(),
        words("vm-guest", Subject::VmGuest, [("silent", "well"), ("panicked", "silent")], 0),
        numbers("vm-guest-oom-kills", Subject::VmGuestOomKills, [(1.0, 0.0), (10.0, 5.0)], 0),
        numbers("vm-memory-use", Subject::VmActive, [(90.0, 80.0), (97.0, 93.0)], 600),
        words("vm-start", Subject::VmStart, [("loops", "worked"), ("failed", "loops")], 0),
        numbers("vm-swapped", Subject::VmSwapped, [(10.0, 5.0), (30.0, 25.0)], 60).off(),
        numbers("vm-swapping-in", Subject::VmSwapIn, [(4.0 * mib, mib), (32.0 * mib, 8.0 * mib)], 60),
        numbers("vm-waiting", Subject::VmWaiting, [(25.0, 10.0), (50.0, 30.0)], 60),
    ]
}

impl Rule {
    fn off(self) -> Self {
        Self { enabled: false, ..self }
    }
}

/// A rule with its levels, raise before clear, for warning and critical.
fn rule(name: &str, subject: Subject, [warning, critical]: [(Level, Level); 2], hold: u32) -> Rule {
    let threshold = |(raise, clear)| Some(Threshold { raise, clear: Some(clear) });
    Rule {
        name: name.to_owned(),
        subject,
        enabled: true,
        vms: None,
        warning: threshold(warning),
        critical: threshold(critical),
        raise_after_seconds: hold,
        clear_after_seconds: hold.min(60),
    }
}

fn numbers(name: &str, subject: Subject, levels: [(f64, f64); 2], hold: u32) -> Rule {
    rule(name, subject, levels.map(|(raise, clear)| (Level::Number(raise), Level::Number(clear))), hold)
}

fn words(name: &str, subject: Subject, levels: [(&str, &str); 2], hold: u32) -> Rule {
    let word = |word: &str| Level::Word(word.to_owned());
    rule(name, subject, levels.map(|(raise, clear)| (word(raise), word(clear))), hold)
}

//! How a guest is, as far as its host can tell from outside.
//!
//! **Model.** Once a second it is known whether the guest's kernel was seen to panic, how often its agent has answered
//! so far, if one has the port open, and whether the VM was held up by its host. A guest whose agent answered before
//! and has not for [`SILENT_AFTER`] seconds is silent; seconds in which it was held up do not count. Where no agent
//! runs nothing is expected, and silence says nothing.
//!
//! A guest on a host that is very short of processor time may be called silent while it is merely slow: what its
//! agent answers within the patience of whoever asks is all that counts.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Seconds without an answer after which a guest is silent: it was asked several times by then.
pub const SILENT_AFTER: u32 = 60;

/// How a guest is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuestState {
    /// No agent in it has answered yet, or none runs any more.
    #[default]
    Unknown,
    /// Its agent answers.
    Well,
    /// Its agent answered, and does no more.
    Silent,
    /// Its kernel panicked: it stands still until it is restarted.
    Panicked,
}

/// What was seen of a guest in one second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sign {
    /// Its kernel was seen to panic.
    pub panicked: bool,
    /// How often its agent has answered so far; `None` if none has the port open.
    pub answers: Option<u64>,
    /// The VM was paused, or waited for memory for most of the second.
    pub held_up: bool,
}

/// The signs of life of one guest, in brief. Fold it over [`Sign`]s, one a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pulse {
    state: GuestState,
    answers: u64,
    silence: u32,
}

impl Pulse {
    /// How the guest is.
    pub const fn state(&self) -> GuestState {
        self.state
    }

    /// For how many seconds it has not answered.
    pub const fn silence(&self) -> u32 {
        self.silence
    }

    /// The pulse after one more second.
    #[must_use]
    pub fn second(self, sign: Sign) -> Self {
        if sign.panicked || self.state == GuestState::Panicked {
            return Self { state: GuestState::Panicked, ..self };
        }
        match sign.answers {
            None => Self { state: GuestState::Unknown, silence: 0, ..self },
            Some(answers) if answers != self.answers => Self { state: GuestState::Well, answers, silence: 0 },
            Some(_) if self.state == GuestState::Unknown || sign.held_up => self,
            Some(_) => {
                let silence = self.silence.saturating_add(1);
                let state = if silence >= SILENT_AFTER { GuestState::Silent } else { self.state };
                Self { state, silence, ..self }
            }
        }
    }
}

impl fmt::Display for GuestState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Well => "well",
            Self::Silent => "silent",
            Self::Panicked => "panicked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(answers: u64) -> Sign {
        Sign { panicked: false, answers: Some(answers), held_up: false }
    }

    fn after(seconds: u32, pulse: Pulse, sign: Sign) -> Pulse {
        (0..seconds).fold(pulse, |pulse, _| pulse.second(sign))
    }

    #[test]
    fn a_guest_that_answered_and_does_no_more_is_silent_until_it_does() {
        let unknown = after(1000, Pulse::default(), sign(0));
        assert_eq!(unknown.state(), GuestState::Unknown, "nothing was expected");
        let well = unknown.second(sign(1));
        assert_eq!(well.state(), GuestState::Well);
        assert_eq!(after(SILENT_AFTER - 1, well, sign(1)).state(), GuestState::Well);
        let silent = after(SILENT_AFTER, well, sign(1));
        assert_eq!((silent.state(), silent.silence()), (GuestState::Silent, SILENT_AFTER));
        assert_eq!(silent.second(sign(2)).state(), GuestState::Well);
    }

    #[test]
    fn what_its_host_does_to_it_is_not_its_silence() {
        let well = Pulse::default().second(sign(1));
        let held_up = Sign { held_up: true, ..sign(1) };
        assert_eq!(after(1000, well, held_up), well);
        let silent = after(SILENT_AFTER, well, sign(1));
        assert_eq!(after(5, silent, held_up), silent, "and no excuse for what was before");
    }

    #[test]
    fn an_agent_that_left_is_not_missed() {
        let silent = after(2 * SILENT_AFTER, Pulse::default().second(sign(1)), sign(1));
        let gone = silent.second(Sign { answers: None, ..sign(0) });
        assert_eq!(gone.state(), GuestState::Unknown);
        assert_eq!(after(1000, gone, sign(1)).state(), GuestState::Unknown, "the next has to answer first");
    }

    #[test]
    fn a_panic_is_for_good() {
        let panicked = Pulse::default().second(Sign { panicked: true, answers: None, held_up: true });
        assert_eq!(after(10, panicked, sign(7)).state(), GuestState::Panicked);
    }
}

//! A switch that waits before it goes on, and before it goes off.

/// What a value says to a latch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Says {
    /// It reached the level to go on.
    On,
    /// It reached the level to go off.
    Off,
    /// It lies between.
    Nothing,
}

/// How long what calls for a change must last, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Holds {
    pub(super) on: u64,
    pub(super) off: u64,
}

/// Whether a level was reached, for long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Latch {
    pub(super) on: bool,
    /// Since when the opposite has been called for, if it is.
    since: Option<u64>,
}

impl Latch {
    pub(super) fn on() -> Self {
        Self { on: true, since: None }
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_quiet(self) -> bool {
        self == Self::default()
    }

    /// The latch at `now`. A clock that was set back begins the wait anew.
    #[must_use]
    pub(super) fn hears(self, says: Says, holds: Holds, now: u64) -> Self {
        let hold = match (says, self.on) {
            (Says::On, false) => holds.on,
            (Says::Off, true) => holds.off,
            _ => return Self { since: None, ..self },
        };
        let since = self.since.map_or(now, |since| since.min(now));
        if now - since >= hold {
            Self { on: !self.on, since: None }
        } else {
            Self { since: Some(since), ..self }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDS: Holds = Holds { on: 3, off: 5 };

    fn after(latch: Latch, from: u64, says: &[Says]) -> Latch {
        says.iter().zip(from..).fold(latch, |latch, (&says, now)| latch.hears(says, HOLDS, now))
    }

    #[test]
    fn it_changes_after_the_hold_and_not_before() {
        let quiet = Latch::default();
        assert!(!after(quiet, 10, &[Says::On; 3]).on);
        assert!(after(quiet, 10, &[Says::On; 4]).on);
        let on = Latch::on();
        assert!(after(on, 10, &[Says::Off; 5]).on);
        assert!(!after(on, 10, &[Says::Off; 6]).on);
    }

    #[test]
    fn an_interruption_begins_the_wait_anew() {
        let says = [Says::On, Says::On, Says::On, Says::Nothing, Says::On, Says::On, Says::On];
        assert!(!after(Latch::default(), 0, &says).on);
        assert!(after(Latch::default(), 0, &says).hears(Says::On, HOLDS, 7).on);
    }

    #[test]
    fn a_clock_that_was_set_back_is_borne() {
        let waiting = Latch::default().hears(Says::On, HOLDS, 1000);
        let back = waiting.hears(Says::On, HOLDS, 10);
        assert!(!back.on && back.hears(Says::On, HOLDS, 13).on);
    }
}

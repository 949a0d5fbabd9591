//! How a VM's run ended, and whether the VM is wanted on afterwards.

use model::{Afterwards, HowEnded, RestartedFor};
use vm::Ended;

/// How a run ended, and why if it failed, or was stopped for a reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct End {
    pub(crate) how: HowEnded,
    pub(crate) why: Option<String>,
}

impl From<&Ended> for End {
    fn from(ended: &Ended) -> Self {
        let (how, why) = match ended {
            Ended::PoweredOff => (HowEnded::PoweredOff, None),
            Ended::RebootRequested => (HowEnded::RebootRequested, None),
            Ended::GuestFailure => (HowEnded::GuestFailure, None),
            Ended::Stopped => (HowEnded::Stopped, None),
            Ended::Failed(why) => (HowEnded::Failed, Some(why.clone())),
        };
        Self { how, why }
    }
}

/// Whether a VM is restarted whose run has ended, and why. `asked`: the host was to restart it.
pub(crate) fn restarts(
    how: HowEnded,
    asked: Option<RestartedFor>,
    on_reboot: Afterwards,
    on_panic: Afterwards,
) -> Option<RestartedFor> {
    match how {
        HowEnded::Failed => None,
        _ if asked.is_some() => asked,
        HowEnded::RebootRequested if on_reboot == Afterwards::Restart => Some(RestartedFor::GuestRebooted),
        HowEnded::GuestFailure if on_panic == Afterwards::Restart => Some(RestartedFor::GuestFailed),
        _ => None,
    }
}

/// What else is known of a run that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Circumstances {
    /// Somebody had it stopped.
    pub(crate) told_to_stop: bool,
    /// It was not wanted on before it was started.
    pub(crate) newly_wanted: bool,
    /// The host shuts down.
    pub(crate) host_closes: bool,
}

/// Whether a VM that was wanted on still is, now that its run has ended, or never began.
pub(crate) fn still_wanted(how: Option<HowEnded>, circumstances: Circumstances) -> bool {
    let Circumstances { told_to_stop, newly_wanted, host_closes } = circumstances;
    match how {
        _ if told_to_stop => false,
        // Its guest was asked to power itself off, and only for the time being.
        _ if host_closes => true,
        // A start that failed changes nothing.
        None => !newly_wanted,
        // What is off because its own guest wants it to be.
        Some(
            HowEnded::PoweredOff | HowEnded::RebootRequested | HowEnded::GuestFailure | HowEnded::Stopped,
        ) => false,
        // Nobody wanted that.
        Some(HowEnded::Failed) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_still_wanted_on() {
        const QUIET: Circumstances =
            Circumstances { told_to_stop: false, newly_wanted: false, host_closes: false };
        let all = [
            HowEnded::PoweredOff,
            HowEnded::RebootRequested,
            HowEnded::GuestFailure,
            HowEnded::Stopped,
            HowEnded::Failed,
        ];
        for how in all.map(Some).into_iter().chain([None]) {
            assert!(!still_wanted(how, Circumstances { told_to_stop: true, host_closes: true, ..QUIET }));
            assert!(still_wanted(how, Circumstances { host_closes: true, ..QUIET }), "{how:?}");
        }
        assert!(!still_wanted(Some(HowEnded::PoweredOff), QUIET), "its guest wants it off");
        assert!(still_wanted(Some(HowEnded::Failed), QUIET), "nobody wants it off");
        assert!(still_wanted(None, QUIET), "a refused resume forgets nobody");
        assert!(
            !still_wanted(None, Circumstances { newly_wanted: true, ..QUIET }),
            "a refused start changes nothing"
        );
    }

    #[test]
    fn who_is_restarted() {
        use Afterwards::{Keep, Restart, Stop};
        let asked = Some(RestartedFor::Asked);
        for how in [HowEnded::Stopped, HowEnded::PoweredOff, HowEnded::RebootRequested] {
            assert_eq!(restarts(how, asked, Stop, Stop), asked);
        }
        assert_eq!(restarts(HowEnded::Failed, asked, Restart, Restart), None, "it would fail again");
        let alone = |how, on_reboot, on_panic| restarts(how, None, on_reboot, on_panic);
        assert_eq!(alone(HowEnded::RebootRequested, Restart, Keep), Some(RestartedFor::GuestRebooted));
        assert_eq!(alone(HowEnded::RebootRequested, Stop, Restart), None);
        assert_eq!(alone(HowEnded::GuestFailure, Stop, Restart), Some(RestartedFor::GuestFailed));
        assert_eq!(alone(HowEnded::GuestFailure, Restart, Keep), None);
        assert_eq!(alone(HowEnded::PoweredOff, Restart, Restart), None);
        for word in ["restart", "stop", "keep"] {
            assert_eq!(word.parse::<Afterwards>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn it_is_written_as_it_is_shown() {
        for how in [HowEnded::PoweredOff, HowEnded::RebootRequested, HowEnded::GuestFailure, HowEnded::Failed]
        {
            assert_eq!(serde_json::to_value(how).unwrap(), how.to_string());
        }
    }
}

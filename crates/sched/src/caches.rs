//! How much vCPUs may keep of what they only remember: decoded code and shadow tables.
//!
//! **Model.** It costs no I/O to give up, and some processor time to make anew. So it goes before guests' pages do, and
//! that of a VM which waits for its pages goes first: it has no use for it meanwhile. A limit outlasts *hard* until memory has
//! recovered: lifted in *soft*, all caches would grow at once, and memory be as short again.

use crate::state::HostState;
use addr::ByteSize;

/// Part of a second from which on a VM waits more than it runs, for this purpose.
const WAITS: f64 = 0.25;

/// What each vCPU may keep of a VM that waited for its memory for a part of the last second; `None`: what it uses. It might keep
/// `before` until now.
pub fn room(state: HostState, waited: f64, before: Option<ByteSize>) -> Option<ByteSize> {
    match state {
        HostState::High | HostState::Clear => None,
        HostState::Soft if before.is_none() => None,
        HostState::Soft | HostState::Hard | HostState::Low if waited >= WAITS => Some(ByteSize::kib(512)),
        HostState::Soft | HostState::Hard => Some(ByteSize::mib(2)),
        HostState::Low => Some(ByteSize::mib(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_memory_is_and_the_longer_a_vm_waits_the_less_it_keeps() {
        use HostState::{Clear, Hard, High, Low, Soft};
        let bytes = |state, waited| room(state, waited, None).map_or(u64::MAX, |room| room.0);
        for waited in [0.0, 0.2, 0.3, 1.0] {
            for pair in [High, Clear, Soft, Hard, Low].windows(2) {
                assert!(bytes(pair[1], waited) <= bytes(pair[0], waited), "{pair:?} {waited}");
            }
        }
        for state in [High, Clear, Soft] {
            assert_eq!(room(state, 1.0, None), None);
        }
        for state in [Hard, Low] {
            assert!(bytes(state, 1.0) < bytes(state, 0.0), "{state}");
        }
    }

    #[test]
    fn a_limit_stays_until_memory_has_recovered() {
        use HostState::{Clear, Hard, High, Low, Soft};
        for waited in [0.0, 1.0] {
            for worse in [Hard, Low] {
                let limited = room(worse, waited, None);
                assert_eq!(room(Soft, waited, limited), room(Hard, waited, limited), "after {worse}");
            }
            for better in [High, Clear] {
                assert_eq!(room(better, waited, Some(ByteSize::mib(1))), None);
            }
            assert_eq!(room(Soft, waited, None), None, "on the way down");
        }
    }
}

//! How much vCPUs may keep of what they only remember: decoded code and shadow tables.
//!
//! **Model.** It costs no I/O to give up, and some processor time to make anew. So it goes before guests' pages do, and
//! that of a VM which waits for its pages goes first: it has no use for it meanwhile.

use crate::state::HostState;
use addr::ByteSize;

/// Part of a second from which on a VM waits more than it runs, for this purpose.
const WAITS: f64 = 0.25;

/// What each vCPU may keep of a VM that waited for its memory for a part of the last second; `None`: what it uses.
pub fn room(state: HostState, waited: f64) -> Option<ByteSize> {
    match state {
        HostState::High | HostState::Clear | HostState::Soft => None,
        HostState::Hard | HostState::Low if waited >= WAITS => Some(ByteSize::kib(512)),
        HostState::Hard => Some(ByteSize::mib(2)),
        HostState::Low => Some(ByteSize::mib(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_memory_is_and_the_longer_a_vm_waits_the_less_it_keeps() {
        use HostState::{Clear, Hard, High, Low, Soft};
        let bytes = |state, waited| room(state, waited).map_or(u64::MAX, |room| room.0);
        for waited in [0.0, 0.2, 0.3, 1.0] {
            for pair in [High, Clear, Soft, Hard, Low].windows(2) {
                assert!(bytes(pair[1], waited) <= bytes(pair[0], waited), "{pair:?} {waited}");
            }
        }
        for state in [High, Clear, Soft] {
            assert_eq!(room(state, 1.0), None);
        }
        for state in [Hard, Low] {
            assert!(bytes(state, 1.0) < bytes(state, 0.0), "{state}");
        }
    }
}

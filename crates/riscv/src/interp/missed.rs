//! Accesses that missed the TLB, for the operation at hand.

use crate::cpu::access::Fault;
use crate::interp::place::Here;
use crate::interp::state::Interp;
use addr::Gva;
use mmu::Access;

/// What became of an access that missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missed {
    /// The TLB has the translation now: try again.
    Retry,
    /// The access is done; a load's value is in `Interp::loaded`.
    Done,
    /// An exception, or work for the VMM, has been arranged: go back to the loop.
    Stopped,
}

impl Interp {
    /// Makes a load of `size` bytes by the instruction at `here` possible, or does it.
    pub(crate) fn load_missed(&mut self, gva: Gva, size: u64, here: Here) -> Missed {
        match self.cpu.load_slowly(gva, size) {
            Ok(None) => Missed::Retry,
            Ok(Some(value)) => {
                self.loaded = value;
                Missed::Done
            }
            Err(fault) => self.fault_at(here, fault),
        }
    }

    /// Makes a store of `size` bytes by the instruction at `here` possible, or does it.
    pub(crate) fn store_missed(&mut self, gva: Gva, size: u64, value: u64, here: Here) -> Missed {
        match self.cpu.store_slowly(gva, size, value) {
            Ok(None) => Missed::Retry,
            Ok(Some(())) => Missed::Done,
            Err(fault) => self.fault_at(here, fault),
        }
    }

    /// Makes an atomic access by the instruction at `here` possible.
    pub(crate) fn atomic_missed(&mut self, gva: Gva, access: Access, size: u64, here: Here) -> Missed {
        match self.cpu.prepare_atomic(gva, access, size) {
            Ok(()) => Missed::Retry,
            Err(fault) => self.fault_at(here, fault),
        }
    }

    fn fault_at(&mut self, here: Here, fault: Fault) -> Missed {
        self.stop_for(fault, self.pc_at(here.at()), here);
        Missed::Stopped
    }
}

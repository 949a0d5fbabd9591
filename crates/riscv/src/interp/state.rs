//! The state that operations work on: the hart, and the interpreter's position in its code and its slice.

use crate::cpu::access::Fault;
use crate::cpu::state::Cpu;
use crate::cpu::trap::Exception;
use crate::interp::place::{At, Here};
use addr::Gfn;
use machine::Use;

/// Why a slice ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It was used up.
    Slice,
    /// A page must be made ready ([`VmMemory::resolve`](machine::VmMemory::resolve)); then the instruction is tried again.
    NeedsWork(Gfn, Use),
    /// `ecall` from supervisor mode: an SBI call. The pc is behind it.
    Call,
    /// `wfi`: nothing to do until an interrupt or [`Hart::wakes_at`](crate::Hart::wakes_at).
    Wait,
    /// `pause`: the hart waits for another one.
    Pause,
}

/// Why a chain of operations came back to the loop. `Cpu::pc` says where to go on, `Interp::here`
/// what was used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// To go on at once.
    Resume,
    /// The slice is over.
    Slice,
    /// `Interp::exit` says what the VMM must do first.
    Exit,
    /// The next operation is the one at `Interp::here` (builds with debug assertions).
    #[cfg(debug_assertions)]
    Next,
}

/// A hart as the interpreter runs it.
pub(crate) struct Interp {
    pub(crate) cpu: Cpu,
    /// The gva of the page being executed: with a place in it, the pc.
    pub(crate) page_gva: u64,
    /// The table of lines of the page being executed, for builds that loop.
    #[cfg(debug_assertions)]
    pub(crate) table: Option<u32>,
    /// What was used up, whenever a chain of operations has stopped; where to go on is the hart's pc.
    pub(crate) here: Here,
    /// Instructions that the slice was asked for.
    pub(crate) slice: u32,
    pub(crate) exit: Exit,
    /// What a slow load found.
    pub(crate) loaded: u64,
}

impl Interp {
    pub(crate) fn new(cpu: Cpu) -> Self {
        Self {
            cpu,
            page_gva: 0,
            #[cfg(debug_assertions)]
            table: None,
            here: Here::with_slice(0),
            slice: 0,
            exit: Exit::Slice,
            loaded: 0,
        }
    }

    /// The pc of the instruction at `at` in the page being executed.
    #[inline(always)]
    pub(crate) fn pc_at(&self, at: At) -> u64 {
        self.page_gva.wrapping_add(at.byte())
    }

    /// Raises an exception by the instruction at `here`; `value` is what `stval` tells about it.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise(&mut self, here: Here, exception: Exception, value: u64) -> Stop {
        let pc = self.pc_at(here.at());
        self.raise_at(pc, here, exception, value)
    }

    /// Raises an exception at `pc`.
    fn raise_at(&mut self, pc: u64, here: Here, exception: Exception, value: u64) -> Stop {
        self.cpu.raise(exception, pc, value);
        // A guest whose handler faults too must use its slice up like any other loop.
        self.here = here.instruction();
        Stop::Resume
    }

    /// Arranges what a fault means for the instruction at `pc`, to stop there.
    pub(crate) fn stop_for(&mut self, fault: Fault, pc: u64, here: Here) {
        match fault {
            Fault::NeedsWork(gfn, wanted) => {
                self.cpu.pc = pc;
                self.here = here;
                self.exit = Exit::NeedsWork(gfn, wanted);
            }
            Fault::Exception(exception, gva) => {
                self.exit = Exit::Slice;
                self.raise_at(pc, here, exception, gva.0);
            }
        }
    }

    /// What goes back to the loop after [`Interp::stop_for`].
    pub(crate) fn stopped(&self) -> Stop {
        if matches!(self.exit, Exit::NeedsWork(..)) { Stop::Exit } else { Stop::Resume }
    }

    /// Stops at `pc`, to go on there.
    pub(crate) fn resume_at(&mut self, pc: u64, here: Here) -> Stop {
        self.cpu.pc = pc;
        self.here = here;
        Stop::Resume
    }

    /// Stops at `pc`, as the slice is over.
    #[cold]
    pub(crate) fn slice_over(&mut self, pc: u64, here: Here) -> Stop {
        self.cpu.pc = pc;
        self.here = here;
        Stop::Slice
    }
}

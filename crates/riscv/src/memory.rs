//! The slow way of an access: TLB misses, misaligned addresses, devices, faults.
//!
//! **Model.** An operation that misses the TLB asks here to make its address ready and then tries
//! again. What cannot be tried again, because it is misaligned or no memory, is done here at once.
//!
//! **Not here.** Atomics to anything but aligned memory: they get an access fault.

use crate::cpu::Cpu;
use crate::hart::Exit;
use crate::op::Here;
use crate::trap::Exception;
use addr::{Gpa, Gva, Mfn, PAGE_SIZE};
use machine::Frame;
use mmu::{Access, Miss};
use std::time::Instant;

/// What became of an access that missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missed {
    /// The TLB has the translation now: try again.
    Retry,
    /// The access is done; a load's value is in `Cpu::loaded`.
    Done,
    /// An exception, or work for the VMM, has been arranged: go back to the loop.
    Stopped,
}

/// Of how many misses one is timed.
const TIMED: u64 = 64;
/// No miss takes longer: what is timed at more was the host's scheduler, in nanoseconds.
const LONGEST: u64 = 20_000;

const fn page_fault(access: Access) -> Exception {
    match access {
        Access::Load => Exception::LoadPage,
        Access::Store => Exception::StorePage,
        Access::Fetch => Exception::FetchPage,
    }
}

const fn access_fault(access: Access) -> Exception {
    match access {
        Access::Load => Exception::LoadAccess,
        Access::Store => Exception::StoreAccess,
        Access::Fetch => Exception::FetchAccess,
    }
}

impl Cpu {
    /// Translates, timing one miss in [`TIMED`] to estimate what the MMU costs.
    pub(crate) fn translate(&mut self, gva: Gva, access: Access) -> Result<Mfn, Miss> {
        self.counts.misses += 1;
        if !self.counts.misses.is_multiple_of(TIMED) {
            return self.mmu.translate(&self.memory, gva, access);
        }
        let start = Instant::now();
        let result = self.mmu.translate(&self.memory, gva, access);
        self.counts.mmu_nanoseconds += (start.elapsed().as_nanos() as u64).min(LONGEST) * TIMED;
        result
    }

    /// Arranges what a miss that leads nowhere means for the instruction at `here`.
    pub(crate) fn stop_for(&mut self, miss: Miss, gva: Gva, access: Access, pc: u64, here: Here) -> Missed {
        let exception = match miss {
            Miss::NeedsWork(gfn, wanted) => {
                self.pc = pc;
                self.here = here;
                self.exit = Exit::NeedsWork(gfn, wanted);
                return Missed::Stopped;
            }
            Miss::Page => page_fault(access),
            Miss::Access | Miss::Device(_) => access_fault(access),
        };
        self.exit = Exit::Slice;
        self.raise_at(pc, here, exception, gva.0);
        Missed::Stopped
    }

    /// Makes a load of `size` bytes by the instruction at `here` possible, or does it.
    pub(crate) fn load_missed(&mut self, gva: Gva, size: u64, here: Here) -> Missed {
        let pc = self.pc_at(here.at());
        if !gva.0.is_multiple_of(size) {
            return self.load_misaligned(gva, size, pc, here);
        }
        match self.translate(gva, Access::Load) {
            Ok(_) => Missed::Retry,
            Err(Miss::Device(gfn)) => {
                let gpa = gfn.base().wrapping_add(gva.page_offset());
                let Some(value) = self.timed_device(|devices| devices.read(gpa, size as u8)) else {
                    return self.stop_for(Miss::Access, gva, Access::Load, pc, here);
                };
                self.loaded = value;
                Missed::Done
            }
            Err(miss) => self.stop_for(miss, gva, Access::Load, pc, here),
        }
    }

    /// Makes a store of `size` bytes by the instruction at `here` possible, or does it.
    pub(crate) fn store_missed(&mut self, gva: Gva, size: u64, value: u64, here: Here) -> Missed {
        let pc = self.pc_at(here.at());
        if !gva.0.is_multiple_of(size) {
            return self.store_misaligned(gva, size, value, pc, here);
        }
        match self.translate(gva, Access::Store) {
            Ok(_) => Missed::Retry,
            Err(Miss::Device(gfn)) => {
                let gpa: Gpa = gfn.base().wrapping_add(gva.page_offset());
                if self.timed_device(|devices| devices.write(gpa, size as u8, value)).is_none() {
                    return self.stop_for(Miss::Access, gva, Access::Store, pc, here);
                }
                Missed::Done
            }
            Err(miss) => self.stop_for(miss, gva, Access::Store, pc, here),
        }
    }

    /// Makes an atomic access by the instruction at `here` possible.
    pub(crate) fn atomic_missed(&mut self, gva: Gva, access: Access, size: u64, here: Here) -> Missed {
        let pc = self.pc_at(here.at());
        if !gva.0.is_multiple_of(size) {
            let misaligned = match access {
                Access::Store => Exception::StoreMisaligned,
                Access::Load | Access::Fetch => Exception::LoadMisaligned,
            };
            self.exit = Exit::Slice;
            self.raise_at(pc, here, misaligned, gva.0);
            return Missed::Stopped;
        }
        match self.translate(gva, access) {
            Ok(_) => Missed::Retry,
            Err(miss) => self.stop_for(miss, gva, access, pc, here),
        }
    }

    fn timed_device<T>(&mut self, access: impl FnOnce(&dyn crate::Devices) -> T) -> T {
        let start = Instant::now();
        let result = access(&*self.devices);
        self.counts.device_accesses += 1;
        self.counts.device_nanoseconds += start.elapsed().as_nanos() as u64;
        result
    }

    /// The frames of a misaligned access: of the page it begins on, and of the next if it reaches
    /// into that.
    fn frames(&mut self, gva: Gva, size: u64, access: Access) -> Result<[Frame; 2], (Miss, Gva)> {
        let first = self.frame(gva, access)?;
        if gva.page_offset() + size <= PAGE_SIZE {
            return Ok([first, first]);
        }
        let next_page = Gva(gva.page_base().0.wrapping_add(PAGE_SIZE));
        Ok([first, self.frame(next_page, access)?])
    }

    fn frame(&mut self, gva: Gva, access: Access) -> Result<Frame, (Miss, Gva)> {
        let known = match access {
            Access::Store => self.mmu.tlb().store_to(gva, 1),
            Access::Load | Access::Fetch => self.mmu.tlb().load_from(gva, 1),
        };
        match known {
            Some(frame) => Ok(frame),
            None => match self.translate(gva, access) {
                Ok(mfn) => Ok(self.pool.frame(mfn)),
                Err(miss) => Err((miss, gva)),
            },
        }
    }

    fn load_misaligned(&mut self, gva: Gva, size: u64, pc: u64, here: Here) -> Missed {
        self.counts.misaligned += 1;
        match self.frames(gva, size, Access::Load) {
            Ok(frames) => {
                self.loaded = load_bytes(frames, gva.page_offset(), size);
                Missed::Done
            }
            Err((miss, gva)) => self.stop_for(miss, gva, Access::Load, pc, here),
        }
    }

    fn store_misaligned(&mut self, gva: Gva, size: u64, value: u64, pc: u64, here: Here) -> Missed {
        self.counts.misaligned += 1;
        match self.frames(gva, size, Access::Store) {
            Ok(frames) => {
                store_bytes(frames, gva.page_offset(), size, value);
                Missed::Done
            }
            Err((miss, gva)) => self.stop_for(miss, gva, Access::Store, pc, here),
        }
    }
}

/// Loads `size` bytes, the first at `offset` of the first frame, as the two aligned words of eight
/// bytes around them: nobody can expect a misaligned access to be atomic.
fn load_bytes([first, second]: [Frame; 2], offset: u64, size: u64) -> u64 {
    let shift = offset % 8 * 8;
    let low = first.load::<u64>(offset & !7) >> shift;
    let next = (offset & !7) + 8;
    if offset + size <= next {
        return low;
    }
    let high = if next < PAGE_SIZE { first } else { second }.load::<u64>(next % PAGE_SIZE);
    low | high << (64 - shift)
}

/// Stores the low `size` bytes of `value`, the first at `offset` of the first frame. Byte by byte:
/// the bytes beside them may be another hart's to write.
fn store_bytes([first, second]: [Frame; 2], offset: u64, size: u64, value: u64) {
    for byte in 0..size {
        let at = offset + byte;
        let frame = if at < PAGE_SIZE { first } else { second };
        frame.store(at % PAGE_SIZE, (value >> (8 * byte)) as u8);
    }
}

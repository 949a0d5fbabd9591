//! The slow way of an access: TLB misses, misaligned addresses, devices, faults.
//!
//! **Model.** An operation that misses the TLB asks here to make its address ready and then tries
//! again. What cannot be tried again, because it is misaligned or no memory, is done here at once.
//!
//! **Not here.** Atomics to anything but aligned memory: they get an access fault.

use crate::cpu::Cpu;
use crate::hart::Exit;
use crate::op::Meter;
use crate::trap::Exception;
use addr::{Gpa, Gva, Ma, Mfn, PAGE_SIZE};
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
        self.counts.mmu_nanoseconds += start.elapsed().as_nanos() as u64 * TIMED;
        result
    }

    /// Arranges what a miss that leads nowhere means for the instruction at `at`.
    pub(crate) fn stop_for(&mut self, miss: Miss, gva: Gva, access: Access, pc: u64, meter: Meter) -> Missed {
        let exception = match miss {
            Miss::NeedsWork(gfn) => {
                self.pc = pc;
                self.meter = meter;
                self.exit = Exit::NeedsWork(gfn);
                return Missed::Stopped;
            }
            Miss::Page => page_fault(access),
            Miss::Access | Miss::Device(_) => access_fault(access),
        };
        self.exit = Exit::Slice;
        self.raise_at(pc, meter, exception, gva.0);
        Missed::Stopped
    }

    /// Makes a load of `size` bytes by the instruction at `at` possible, or does it.
    pub(crate) fn load_missed(&mut self, gva: Gva, size: u64, at: usize, meter: Meter) -> Missed {
        let pc = self.pc_at(at);
        if !gva.0.is_multiple_of(size) {
            return self.load_misaligned(gva, size, pc, meter);
        }
        match self.translate(gva, Access::Load) {
            Ok(_) => Missed::Retry,
            Err(Miss::Device(gfn)) => {
                let gpa = gfn.base().wrapping_add(gva.page_offset());
                let Some(value) = self.timed_device(|devices| devices.read(gpa, size as u8)) else {
                    return self.stop_for(Miss::Access, gva, Access::Load, pc, meter);
                };
                self.loaded = value;
                Missed::Done
            }
            Err(miss) => self.stop_for(miss, gva, Access::Load, pc, meter),
        }
    }

    /// Makes a store of `size` bytes by the instruction at `at` possible, or does it.
    pub(crate) fn store_missed(
        &mut self,
        gva: Gva,
        size: u64,
        value: u64,
        at: usize,
        meter: Meter,
    ) -> Missed {
        let pc = self.pc_at(at);
        if !gva.0.is_multiple_of(size) {
            return self.store_misaligned(gva, size, value, pc, meter);
        }
        match self.translate(gva, Access::Store) {
            Ok(_) => Missed::Retry,
            Err(Miss::Device(gfn)) => {
                let gpa: Gpa = gfn.base().wrapping_add(gva.page_offset());
                if self.timed_device(|devices| devices.write(gpa, size as u8, value)).is_none() {
                    return self.stop_for(Miss::Access, gva, Access::Store, pc, meter);
                }
                Missed::Done
            }
            Err(miss) => self.stop_for(miss, gva, Access::Store, pc, meter),
        }
    }

    /// Makes an atomic access by the instruction at `at` possible.
    pub(crate) fn atomic_missed(
        &mut self,
        gva: Gva,
        access: Access,
        size: u64,
        at: usize,
        meter: Meter,
    ) -> Missed {
        let pc = self.pc_at(at);
        if !gva.0.is_multiple_of(size) {
            let misaligned = match access {
                Access::Store => Exception::StoreMisaligned,
                Access::Load | Access::Fetch => Exception::LoadMisaligned,
            };
            self.exit = Exit::Slice;
            self.raise_at(pc, meter, misaligned, gva.0);
            return Missed::Stopped;
        }
        match self.translate(gva, access) {
            Ok(_) => Missed::Retry,
            Err(miss) => self.stop_for(miss, gva, access, pc, meter),
        }
    }

    fn timed_device<T>(&mut self, access: impl FnOnce(&dyn crate::Devices) -> T) -> T {
        let start = Instant::now();
        let result = access(&*self.devices);
        self.counts.device_accesses += 1;
        self.counts.device_nanoseconds += start.elapsed().as_nanos() as u64;
        result
    }

    /// The machine addresses of the bytes of a misaligned access: of the first, and of the first
    /// beyond the page if it crosses into the next.
    fn span(&mut self, gva: Gva, size: u64, access: Access) -> Result<(Ma, Ma), (Miss, Gva)> {
        let first = self.translate(gva, access).map_err(|miss| (miss, gva))?;
        let start = first.base().wrapping_add(gva.page_offset());
        let next_page = Gva(gva.page_base().0.wrapping_add(PAGE_SIZE));
        if gva.page_offset() + size <= PAGE_SIZE {
            return Ok((start, Ma(0)));
        }
        let second = self.translate(next_page, access).map_err(|miss| (miss, next_page))?;
        Ok((start, second.base()))
    }

    /// The bytes' machine addresses, in order.
    fn bytes(gva: Gva, size: u64, (start, beyond): (Ma, Ma)) -> impl Iterator<Item = Ma> {
        let here = (PAGE_SIZE - gva.page_offset()).min(size);
        (0..size).map(
            move |byte| {
                if byte < here { start.wrapping_add(byte) } else { beyond.wrapping_add(byte - here) }
            },
        )
    }

    fn load_misaligned(&mut self, gva: Gva, size: u64, pc: u64, meter: Meter) -> Missed {
        self.counts.misaligned += 1;
        match self.span(gva, size, Access::Load) {
            Ok(span) => {
                let pool = &self.pool;
                let byte = |(shift, ma)| u64::from(pool.load::<u8>(ma)) << (8 * shift);
                self.loaded =
                    Self::bytes(gva, size, span).enumerate().map(byte).fold(0, |all, byte| all | byte);
                Missed::Done
            }
            Err((miss, gva)) => self.stop_for(miss, gva, Access::Load, pc, meter),
        }
    }

    fn store_misaligned(&mut self, gva: Gva, size: u64, value: u64, pc: u64, meter: Meter) -> Missed {
        self.counts.misaligned += 1;
        match self.span(gva, size, Access::Store) {
            Ok(span) => {
                for (shift, ma) in Self::bytes(gva, size, span).enumerate() {
                    self.pool.store(ma, (value >> (8 * shift)) as u8);
                }
                Missed::Done
            }
            Err((miss, gva)) => self.stop_for(miss, gva, Access::Store, pc, meter),
        }
    }
}

//! The slow way of an access: TLB misses, misaligned addresses, devices, faults.
//!
//! **Model.** After a TLB miss, the caller asks here for the translation and then tries the access
//! again. An access that is misaligned, or goes to a device, is done here at once.
//!
//! **Not here.** Atomics to anything but aligned memory: they get an access fault.

use crate::cpu::devices::Devices;
use crate::cpu::state::Cpu;
use crate::cpu::trap::Exception;
use addr::{Gfn, Gpa, Gva, Mfn, PAGE_SIZE};
use machine::{Frame, Use};
use mmu::{Access, Miss};
use std::time::Instant;

/// Why an access cannot be done now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The guest gets an exception about this address.
    Exception(Exception, Gva),
    /// The VMM must make a page ready first.
    NeedsWork(Gfn, Use),
}

impl Fault {
    /// What it means that an access has no translation.
    pub(crate) const fn of(miss: Miss, gva: Gva, access: Access) -> Self {
        match miss {
            Miss::NeedsWork(gfn, wanted) => Self::NeedsWork(gfn, wanted),
            Miss::Page => Self::Exception(page_fault(access), gva),
            Miss::Access | Miss::Device(_) => Self::Exception(access_fault(access), gva),
        }
    }
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

    /// Makes a load of `size` bytes possible, or does it: then the value is given. Otherwise the TLB has the translation
    /// now, and the load is to be tried again.
    pub(crate) fn load_slowly(&mut self, gva: Gva, size: u64) -> Result<Option<u64>, Fault> {
        if !gva.0.is_multiple_of(size) {
            return self.load_misaligned(gva, size).map(Some);
        }
        match self.translate(gva, Access::Load) {
            Ok(_) => Ok(None),
            Err(Miss::Device(gfn)) => {
                let gpa = gfn.base().wrapping_add(gva.page_offset());
                let value = self.timed_device(|devices| devices.read(gpa, size as u8));
                value.map(Some).ok_or(Fault::of(Miss::Access, gva, Access::Load))
            }
            Err(miss) => Err(Fault::of(miss, gva, Access::Load)),
        }
    }

    /// Makes a store of `size` bytes possible, or does it: then there is an answer. Otherwise the TLB has the translation
    /// now, and the store is to be tried again.
    pub(crate) fn store_slowly(&mut self, gva: Gva, size: u64, value: u64) -> Result<Option<()>, Fault> {
        if !gva.0.is_multiple_of(size) {
            return self.store_misaligned(gva, size, value).map(Some);
        }
        match self.translate(gva, Access::Store) {
            Ok(_) => Ok(None),
            Err(Miss::Device(gfn)) => {
                let gpa: Gpa = gfn.base().wrapping_add(gva.page_offset());
                let written = self.timed_device(|devices| devices.write(gpa, size as u8, value));
                written.map(Some).ok_or(Fault::of(Miss::Access, gva, Access::Store))
            }
            Err(miss) => Err(Fault::of(miss, gva, Access::Store)),
        }
    }

    /// Makes an atomic access possible, which is to be tried again then.
    pub(crate) fn prepare_atomic(&mut self, gva: Gva, access: Access, size: u64) -> Result<(), Fault> {
        if !gva.0.is_multiple_of(size) {
            let misaligned = match access {
                Access::Store => Exception::StoreMisaligned,
                Access::Load | Access::Fetch => Exception::LoadMisaligned,
            };
            return Err(Fault::Exception(misaligned, gva));
        }
        match self.translate(gva, access) {
            Ok(_) => Ok(()),
            Err(miss) => Err(Fault::of(miss, gva, access)),
        }
    }

    fn timed_device<T>(&mut self, access: impl FnOnce(&dyn Devices) -> T) -> T {
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

    fn load_misaligned(&mut self, gva: Gva, size: u64) -> Result<u64, Fault> {
        self.counts.misaligned += 1;
        match self.frames(gva, size, Access::Load) {
            Ok(frames) => Ok(load_bytes(frames, gva.page_offset(), size)),
            Err((miss, gva)) => Err(Fault::of(miss, gva, Access::Load)),
        }
    }

    fn store_misaligned(&mut self, gva: Gva, size: u64, value: u64) -> Result<(), Fault> {
        self.counts.misaligned += 1;
        match self.frames(gva, size, Access::Store) {
            Ok(frames) => {
                store_bytes(frames, gva.page_offset(), size, value);
                Ok(())
            }
            Err((miss, gva)) => Err(Fault::of(miss, gva, Access::Store)),
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

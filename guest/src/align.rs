//! `align`: loads and stores of every size at every alignment, also across a page boundary.
//!
//! Plain Rust compiles unaligned accesses to bytes, so each access here is one instruction by name. After a
//! store every byte around it is checked too.

use std::arch::asm;
use std::time::Instant;

use crate::mapping::{PAGE, Pages};
use crate::program::{Failure, Outcome, Program, Report, ensure, optional};
use crate::rng::mix;

pub(crate) const PROGRAM: Program = Program {
    name: "align",
    purpose: "check misaligned loads and stores within and across pages",
    parameters: &[optional("ROUNDS", 1)],
    quick: &[1],
    run,
};

/// A load instruction: what it gives for the little-endian bytes it reads.
struct Load {
    name: &'static str,
    bytes: usize,
    run: unsafe fn(*const u8) -> u64,
    /// The register's value, from the bytes zero-extended.
    extend: fn(u64) -> u64,
}

/// A store instruction: writes the low bytes of a register.
struct Store {
    name: &'static str,
    bytes: usize,
    run: unsafe fn(*mut u8, u64),
}

macro_rules! load {
    ($instruction:literal, $bytes:literal, $extend:expr) => {{
        /// # Safety
        /// The bytes at `place` are readable.
        unsafe fn load(place: *const u8) -> u64 {
            let value: u64;
            // SAFETY: it only reads what the caller vouches for.
            unsafe {
                asm!(concat!($instruction, " {value}, 0({place})"),
                    value = out(reg) value, place = in(reg) place, options(nostack, readonly));
            }
            value
        }
        Load { name: $instruction, bytes: $bytes, run: load, extend: $extend }
    }};
    ($instruction:literal, $move:literal, $bytes:literal, $extend:expr) => {{
        /// # Safety
        /// The bytes at `place` are readable.
        unsafe fn load(place: *const u8) -> u64 {
            let value: u64;
            // SAFETY: it only reads what the caller vouches for.
            unsafe {
                asm!(concat!($instruction, " {float}, 0({place})"), concat!($move, " {value}, {float}"),
                    float = out(freg) _, value = out(reg) value, place = in(reg) place,
                    options(nostack, readonly));
            }
            value
        }
        Load { name: $instruction, bytes: $bytes, run: load, extend: $extend }
    }};
}

macro_rules! store {
    ($instruction:literal, $bytes:literal) => {{
        /// # Safety
        /// The bytes at `place` are writable.
        unsafe fn store(place: *mut u8, value: u64) {
            // SAFETY: it only writes what the caller vouches for.
            unsafe {
                asm!(concat!($instruction, " {value}, 0({place})"),
                    value = in(reg) value, place = in(reg) place, options(nostack));
            }
        }
        Store { name: $instruction, bytes: $bytes, run: store }
    }};
    ($instruction:literal, $move:literal, $bytes:literal) => {{
        /// # Safety
        /// The bytes at `place` are writable.
        unsafe fn store(place: *mut u8, value: u64) {
            // SAFETY: it only writes what the caller vouches for.
            unsafe {
                asm!(concat!($move, " {float}, {value}"), concat!($instruction, " {float}, 0({place})"),
                    float = out(freg) _, value = in(reg) value, place = in(reg) place, options(nostack));
            }
        }
        Store { name: $instruction, bytes: $bytes, run: store }
    }};
}

fn run(values: &[u64]) -> Outcome {
    let rounds = values[0];
    let start = Instant::now();
    let mut accesses = 0;
    for round in 0..rounds {
        // Fresh pages each round, so that the first access across the boundary faults on both.
        let mut area = Pages::new(2 * PAGE)?;
        let area = area.bytes();
        for offset in (PAGE - 16..PAGE + 16).chain(0..16).chain(2 * PAGE - 32..2 * PAGE - 16) {
            accesses += stores(area, offset, round)? + loads(area, offset, round)?;
        }
    }
    Ok(Report::new("align").with("rounds", rounds).with("accesses", accesses).timed(start))
}

/// Store with each instruction at `offset` and check the bytes from 8 before it to 16 after.
fn stores(area: &mut [u8], offset: usize, round: u64) -> Result<usize, Failure> {
    let stores = [
        store!("sb", 1),
        store!("sh", 2),
        store!("sw", 4),
        store!("sd", 8),
        store!("fsw", "fmv.w.x", 4),
        store!("fsd", "fmv.d.x", 8),
    ];
    for Store { name, bytes, run } in &stores {
        let around = offset.saturating_sub(8)..offset + 16;
        let mut expected = area[around.clone()].to_vec();
        let value = mix(round ^ (offset as u64) << 8 ^ *bytes as u64);
        expected[offset - around.start..][..*bytes].copy_from_slice(&value.to_le_bytes()[..*bytes]);
        let place = area[offset..][..*bytes].as_mut_ptr();
        // SAFETY: `place` is the start of a slice of as many bytes as this instruction writes.
        unsafe { run(place, value) };
        let found = &area[around];
        ensure(found == expected, || {
            format!("{name} of {value:#x} at page offset {offset}: found {found:x?}, expected {expected:x?}")
        })?;
    }
    Ok(stores.len())
}

/// Load with each instruction at `offset`.
fn loads(area: &mut [u8], offset: usize, round: u64) -> Result<usize, Failure> {
    let loads = [
        load!("lb", 1, |bytes| bytes as i8 as u64),
        load!("lbu", 1, |bytes| bytes),
        load!("lh", 2, |bytes| bytes as i16 as u64),
        load!("lhu", 2, |bytes| bytes),
        load!("lw", 4, |bytes| bytes as i32 as u64),
        load!("lwu", 4, |bytes| bytes),
        load!("ld", 8, |bytes| bytes),
        load!("flw", "fmv.x.d", 4, |bytes| bytes | 0xFFFF_FFFF_0000_0000),
        load!("fld", "fmv.x.d", 8, |bytes| bytes),
    ];
    let value = !mix(round ^ (offset as u64) << 8);
    area[offset..][..8].copy_from_slice(&value.to_le_bytes());
    for Load { name, bytes, run, extend } in &loads {
        let place = area[offset..][..*bytes].as_ptr();
        // SAFETY: `place` is the start of a slice of as many bytes as this instruction reads.
        let found = unsafe { run(place) };
        let expected = extend(value & (u64::MAX >> (64 - 8 * bytes)));
        ensure(found == expected, || {
            format!("{name} at page offset {offset}: found {found:#018x}, expected {expected:#018x}")
        })?;
    }
    Ok(loads.len())
}

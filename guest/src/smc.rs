//! `smc`: code that is written, called and written again, as a just-in-time compiler does.
//!
//! **Model**: a three-instruction function that returns a number is placed again and again in two
//! pages, also across their boundary. The pages are reached either through one mapping that may be
//! written and executed, or through two mappings of one file, of which one writes and the other executes. Every
//! other function is written by a second thread, so that the caller's CPU must not use what it decoded earlier.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::mapping::{Mapping, PAGE};
use crate::program::{Failure, Outcome, Program, Report, ensure, required};
use crate::rng::mix;

pub(crate) const PROGRAM: Program = Program {
    name: "smc",
    purpose: "write code, flush, call it, and write it anew",
    parameters: &[required("COUNT")],
    quick: &[200],
    run,
};

/// Where in the two pages the function goes: the last ones straddle the boundary within an instruction,
/// between the first two instructions and between the last two.
const PLACES: [usize; 6] = [0, 2, 2048, PAGE - 2, PAGE - 4, PAGE - 8];

/// The system call `riscv_flush_icache`, for which the libc crate has no name: the architecture's 15th.
const RISCV_FLUSH_ICACHE: libc::c_long = 244 + 15;

/// Two pages of code and where to write them.
struct Code {
    execute: Mapping,
    /// `None`: through `execute` itself.
    write: Option<Mapping>,
}

// SAFETY: both mappings are plain memory owned by this value; who may write or call when is
// handed from thread to thread through channels.
unsafe impl Sync for Code {}

fn run(values: &[u64]) -> Outcome {
    let count = values[0];
    let codes = [Code::one_mapping()?, Code::two_mappings()?];
    let start = Instant::now();
    thread::scope(|scope| {
        let (order, orders) = mpsc::channel::<u64>();
        let (done, written) = mpsc::channel();
        let codes = &codes;
        scope.spawn(move || {
            for index in orders {
                let result = codes[index as usize % 2].write(place(index), number(index));
                if done.send(result).is_err() {
                    return;
                }
            }
        });
        for index in 0..count {
            let code = &codes[index as usize % 2];
            if index / 2 % 2 == 0 {
                code.write(place(index), number(index))?;
            } else {
                order.send(index).expect("the writer waits for orders");
                written.recv().expect("the writer answers each order")?;
            }
            let (found, expected) = (code.call(place(index)), number(index));
            ensure(found == expected, || {
                format!("function {index} at {} returned {found:#x}, expected {expected:#x}", place(index))
            })?;
        }
        Ok::<(), Failure>(())
    })?;
    Ok(Report::new("smc").with("count", count).timed(start))
}

/// Where function `index` goes.
fn place(index: u64) -> usize {
    PLACES[(index / 4) as usize % PLACES.len()]
}

/// What function `index` returns.
fn number(index: u64) -> i32 {
    mix(index) as i32
}

impl Code {
    fn one_mapping() -> Result<Self, Failure> {
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let execute = Mapping::new(2 * PAGE, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)?;
        Ok(Self { execute, write: None })
    }

    fn two_mappings() -> Result<Self, Failure> {
        // SAFETY: the name is a C string; no flags.
        let file = unsafe { libc::memfd_create(c"code".as_ptr(), 0) };
        ensure(file >= 0, || format!("memfd_create: {}", io::Error::last_os_error()))?;
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(file) });
        file.set_len(2 * PAGE as u64)?;
        let map = |protection| Mapping::new(2 * PAGE, protection, libc::MAP_SHARED, file.as_raw_fd());
        let execute = map(libc::PROT_READ | libc::PROT_EXEC)?;
        Ok(Self { execute, write: Some(map(libc::PROT_READ | libc::PROT_WRITE)?) })
    }

    /// Place a function that returns `number`, and make it visible to every CPU.
    fn write(&self, place: usize, number: i32) -> Result<(), Failure> {
        let upper = (number.wrapping_add(0x800) as u32) & 0xFFFF_F000;
        let lower = (number as u32).wrapping_sub(upper) & 0xFFF;
        let instructions: [u32; 3] = [
            0x0000_0537 | upper,       // lui a0, upper
            0x0005_051B | lower << 20, // addiw a0, a0, lower
            0x0000_8067,               // ret
        ];
        let target = self.write.as_ref().unwrap_or(&self.execute).start();
        for (index, byte) in instructions.iter().flat_map(|word| word.to_le_bytes()).enumerate() {
            // SAFETY: every place leaves 12 bytes within the two pages, and nobody calls the function
            // until this thread says that it is written.
            unsafe { target.add(place + index).write_volatile(byte) };
        }
        let start = self.execute.start().wrapping_add(place);
        // SAFETY: the system call changes no memory; flags 0 mean the CPUs of all threads.
        let result = unsafe { libc::syscall(RISCV_FLUSH_ICACHE, start, start.wrapping_add(12), 0) };
        ensure(result == 0, || format!("riscv_flush_icache: {}", io::Error::last_os_error()))
    }

    /// Call the function last written at `place`.
    fn call(&self, place: usize) -> i32 {
        // SAFETY: `write` put a complete function there that follows the C ABI and touches only a0.
        unsafe {
            let function: extern "C" fn() -> i32 = std::mem::transmute(self.execute.start().add(place));
            function()
        }
    }
}

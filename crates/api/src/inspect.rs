//! What can be asked of a running VM, and the answers as plain data: how its memory is mapped and what it counted.
//!
//! **Model.** Sizes are integers in bytes, times integers in nanoseconds or seconds as the name says, addresses and frame
//! numbers strings in hexadecimal (many JSON readers keep only 53 bits of an integer), and what is not known is `null`.
//! Later versions may add fields.
//!
//! **Not here.** How it looks to people: that is the program's.

mod guest;
pub mod map;
pub mod statistics;

use host::Lease;
use model::inspect::Info;
use std::sync::Arc;
use std::time::Instant;
use vm::{Trouble, Vm};

/// A running VM with what it was started from.
pub struct Guest {
    /// The VM.
    pub vm: Arc<Vm>,
    /// Where its kernel was read from.
    pub kernel: String,
    /// What its kernel was told.
    pub command_line: String,
    /// When it started.
    pub started: Instant,
    /// Of a VM on a host: what keeps it there for as long as this is.
    pub lease: Option<Lease>,
}

fn info(guest: &Guest) -> Info {
    let statistics = guest.vm.statistics();
    Info {
        name: guest.vm.name().to_owned(),
        pid: std::process::id(),
        cpus: guest.vm.cpus(),
        memory_bytes: guest.vm.memory().pmap().size().bytes().0,
        machine_memory_bytes: guest.vm.memory().pool().size().bytes().0,
        consumed_bytes: guest.vm.memory().consumed().bytes().0,
        mmu: guest.vm.mmu().to_string(),
        technique: technique_name(statistics.choice.technique).to_owned(),
        reason: statistics.choice.reason,
        kernel: guest.kernel.clone(),
        command_line: guest.command_line.clone(),
        uptime_seconds: guest.started.elapsed().as_secs(),
        trouble: trouble(&guest.vm),
    }
}

pub(crate) const fn technique_name(technique: mmu::Technique) -> &'static str {
    match technique {
        mmu::Technique::Software => "software",
        mmu::Technique::Hardware => "hardware",
    }
}

/// What is wrong with a VM's guest, in words, as far as was noticed.
pub fn trouble(vm: &Vm) -> Option<String> {
    let panicked = vm.panicked().map(|panic| panic.to_string());
    panicked.or_else(|| vm.trouble().as_ref().map(describe_trouble))
}

/// A processor in trouble, in words.
fn describe_trouble(trouble: &Trouble) -> String {
    let Trouble { cpu, pc, cause, value } = trouble;
    format!("CPU {cpu} does nothing but fault: {} at pc {pc:#x} (stval {value:#x})", describe_cause(*cause))
}

/// `scause`, in the words of the RISC-V manual's table of it.
fn describe_cause(cause: u64) -> &'static str {
    match cause {
        0 => "instruction address misaligned",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "load address misaligned",
        5 => "load access fault",
        6 => "store address misaligned",
        7 => "store access fault",
        8 => "system call from user mode",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store page fault",
        _ => "an exception of no known cause",
    }
}

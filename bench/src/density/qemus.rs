//! VMs that QEMU runs: a process each.
//!
//! **Model.** What they take is what the kernel says of their processes. QEMU asks for its guest's memory to be merged by
//! KSM and to be in huge pages, both by default; huge pages are forbidden to a process by whoever starts it.

use crate::interrupt::Interrupt;
use crate::ksm::{Ksm, Merged};
use crate::terminal::Terminal;
use crate::trial::{Crowd, Start};
use addr::ByteSize;
use apparatus::guest::{self, Files, KERNEL_LINE};
use apparatus::process;
use rustix::thread::disable_transparent_huge_pages;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Processes of QEMU.
pub(crate) struct Qemus<'a> {
    files: &'a Files,
    memory_mib: u32,
    /// What merges equal pages, if anything does.
    ksm: Option<&'a Ksm>,
    merged: Merged,
    thrifty: bool,
    running: Vec<Child>,
}

impl<'a> Qemus<'a> {
    /// None yet. `thrifty` ones have no huge pages, and their guests report free ones.
    pub(crate) fn new(files: &'a Files, memory_mib: u32, ksm: Option<&'a Ksm>, thrifty: bool) -> Self {
        Self { files, memory_mib, ksm, merged: Merged::default(), thrifty, running: Vec::new() }
    }

    fn command(&self) -> Command {
        let mut command = guest::qemu(self.memory_mib, 1);
        command.args(["-append", KERNEL_LINE]);
        command.arg("-kernel").arg(&self.files.kernel).arg("-initrd").arg(&self.files.initrd);
        if self.thrifty {
            command.args(["-device", "virtio-balloon-pci,free-page-reporting=on"]);
        }
        command
    }

    /// Starts a process, which inherits whether it may have huge pages.
    fn spawn(&self) -> std::io::Result<Child> {
        disable_transparent_huge_pages(self.thrifty)?;
        let mut command = self.command();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        disable_transparent_huge_pages(false)?;
        child
    }
}

impl Crowd for Qemus<'_> {
    fn start(&mut self) -> Result<Start, String> {
        let mut child = self.spawn().map_err(|error| format!("cannot run '{}': {error}", guest::QEMU))?;
        let (output, input) = (child.stdout.take(), child.stdin.take());
        self.running.push(child);
        let (output, input) = output.zip(input).expect("both are piped");
        Ok(Start::Running(Terminal::of_process(output, input)))
    }

    fn used(&self) -> Result<ByteSize, String> {
        let sizes = self.running.iter().map(|child| process::memory(child.id()).map(|size| size.0));
        sizes.sum::<Result<u64, String>>().map(ByteSize)
    }

    fn processes(&self) -> Result<ByteSize, String> {
        self.used()
    }

    fn cpu_time(&self) -> Result<Duration, String> {
        self.running.iter().map(|child| process::cpu_time(child.id())).sum()
    }

    fn settle(&mut self, interrupt: &Interrupt) -> Result<(), String> {
        if let Some(ksm) = self.ksm {
            self.merged = ksm.settle(interrupt, || self.used())?;
        }
        Ok(())
    }

    fn tell(&self) -> String {
        match self.ksm {
            Some(_) => format!("pages_shared {}, pages_sharing {}", self.merged.shared, self.merged.sharing),
            None => String::new(),
        }
    }
}

impl Drop for Qemus<'_> {
    fn drop(&mut self) {
        for child in &mut self.running {
            // Both fail if the process has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

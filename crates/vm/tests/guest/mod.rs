//! Guests under test: started, watched on their consoles, and taken down with the books closed.

#![allow(dead_code, reason = "each test program uses its part")]

use addr::{ByteSize, PageCount, VmId};
use machine::{Backing, Pool};
use mmu::Technique;
use parking_lot::{Condvar, Mutex};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vm::boot::{Initrd, KernelImage};
use vm::{Config, Ended, MmuChoice, Vm};

/// How long a guest may take for anything, on a host that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) const SOFTWARE: MmuChoice = MmuChoice::Always(Technique::Software);
pub(crate) const HARDWARE: MmuChoice = MmuChoice::Always(Technique::Hardware);

/// The directory with the Debian guest, if it can be booted here.
pub(crate) fn debian() -> Option<PathBuf> {
    kernels::bootable_debian(&["Image", "memtide.cpio", "initrd.gz"])
}

/// A file of the Debian guest.
pub(crate) fn read(guest: &Path, file: &str) -> Vec<u8> {
    std::fs::read(guest.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Debian's kernel with the initramfs of the guest programs, which run `commands`, or a shell if there
/// are none.
pub(crate) fn programs(guest: &Path, memory: ByteSize, options: &str, commands: &str) -> Config {
    Config {
        name: "guest".to_owned(),
        memory,
        cpus: 1,
        mmu: MmuChoice::Automatic,
        kernel: KernelImage::parse("Image", read(guest, "Image")).unwrap(),
        initrd: Some(Initrd::parse("memtide.cpio", read(guest, "memtide.cpio")).unwrap()),
        command_line: command_line(options, commands),
    }
}

pub(crate) fn command_line(options: &str, commands: &str) -> String {
    let run = if commands.is_empty() { String::new() } else { format!(" memtide.run=\"{commands}\"") };
    format!("console=ttyS0 cryptomgr.notests quiet {options}{run}")
}

/// What a guest's console has shown so far.
#[derive(Clone, Default)]
pub(crate) struct Console(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.lock().extend(bytes);
        self.0.1.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Console {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock()).replace('\r', "")
    }

    /// Waits until `text` is there.
    pub(crate) fn expect(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut shown = self.0.0.lock();
        while !shown.windows(text.len()).any(|part| part == text.as_bytes()) {
            let late = self.0.1.wait_until(&mut shown, deadline).timed_out();
            assert!(!late, "no '{text}' in:\n{}", String::from_utf8_lossy(&shown));
        }
    }
}

/// A VM with its console.
pub(crate) struct Guest {
    pub(crate) vm: Vm,
    pub(crate) console: Console,
}

impl Guest {
    pub(crate) fn start(config: &Config, pool: &Pool, id: u32) -> Self {
        Self::start_on(config, pool, id, Backing::reserved(VmId(id), config.memory.pages()))
    }

    pub(crate) fn start_on(config: &Config, pool: &Pool, id: u32, backing: Backing) -> Self {
        let console = Console::default();
        let (serial, debug) = (Box::new(console.clone()), Box::new(console.clone()));
        let vm = Vm::start(config, pool, VmId(id), backing, serial, debug).unwrap();
        Self { vm, console }
    }

    /// Types `text`, as fast as it is taken.
    pub(crate) fn send(&self, text: &str) {
        let mut rest = text.as_bytes();
        let deadline = Instant::now() + PATIENCE;
        while !rest.is_empty() {
            assert!(Instant::now() < deadline, "the guest reads no input: {} bytes left", rest.len());
            let taken = self.vm.type_in(rest);
            rest = &rest[taken..];
            if taken == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Waits for the end, auditing meanwhile.
    pub(crate) fn end(&self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check();
            if let Some(ended) = self.vm.wait(Duration::from_millis(300)) {
                return ended;
            }
            assert!(Instant::now() < deadline, "no end: {:?}\n{}", self.vm.trouble(), self.console.text());
        }
    }

    /// Waits until the commands ended well and the guest powered off.
    pub(crate) fn end_well(&self) {
        let ended = self.end();
        let text = self.console.text();
        assert!(text.contains("memtide: exit 0"), "{text}");
        assert_eq!(ended, Ended::PoweredOff, "{text}");
    }

    /// What must hold at any time.
    pub(crate) fn check(&self) {
        let memory = self.vm.memory();
        self.vm.audit().unwrap();
        memory.pool().audit().unwrap();
    }

    /// Ends the VM, which waits for nothing but processors, and checks it one last time.
    pub(crate) fn take_down(self) {
        self.vm.stop();
        self.check();
        let start = Instant::now();
        drop(self.vm);
        assert!(start.elapsed() < Duration::from_secs(10), "taking the VM down took {:?}", start.elapsed());
    }
}

/// The pool has back everything it gave.
pub(crate) fn assert_unused(pool: &Pool) {
    let usage = pool.usage();
    assert_eq!(usage.free, usage.total, "{usage:?}");
    assert_eq!((usage.private, usage.reserved), (PageCount(0), PageCount(0)), "{usage:?}");
    pool.audit().unwrap();
}

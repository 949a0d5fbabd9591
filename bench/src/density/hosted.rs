//! VMs that a Memtide host runs, within this process.
//!
//! **Model.** What they take is what the host's ledger has not free: their pages, and what they and the host itself cost
//! beyond. What the kernel counts for this process is put beside it.
//!
//! The host looks at all pages once in `Mem.ShareScanTime`, an hour. Nobody wants to wait for that: the same scan is called
//! directly, round after round, until it finds little more.

use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::trial::{Crowd, Start};
use addr::{ByteSize, VmId};
use apparatus::guest::{Files, KERNEL_LINE};
use apparatus::process;
use host::{Host, HostConfig, HostError, Kind};
use machine::VmMemory;
use model::{HostStatus, VmSpec};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// More rounds of scanning than this are not made.
const ROUNDS: usize = 8;
/// A round that finds fewer pages than one in so many was the last.
const WORTH: u64 = 1000;
/// How often the host's figures are looked at when newer ones are wanted.
const LOOK: Duration = Duration::from_millis(100);

/// A host, and where it keeps its files.
pub(crate) struct Hosted<'a> {
    files: &'a Files,
    memory: ByteSize,
    host: Host,
    names: Vec<String>,
    _directory: TempDir,
}

impl<'a> Hosted<'a> {
    /// A host without VMs. With `shared`, all VMs may share with each other.
    pub(crate) fn new(
        files: &'a Files,
        memory_mib: u32,
        machine_memory: ByteSize,
        shared: bool,
    ) -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| format!("cannot make a directory: {error}"))?;
        let (state, swap) = (directory.path().join("state"), directory.path().join("swap"));
        let host =
            Host::open(&HostConfig { state, machine_memory, swap }).map_err(|error| error.to_string())?;
        if shared {
            host.set_setting("Mem.ShareForceSalting", 0).map_err(|error| error.to_string())?;
        }
        let memory = ByteSize::mib(memory_mib.into());
        Ok(Self { files, memory, host, names: Vec::new(), _directory: directory })
    }

    fn try_start(&self, name: &str) -> Result<Terminal, HostError> {
        let spec = VmSpec {
            initrd: Some(self.files.initrd.clone()),
            append: KERNEL_LINE.to_owned(),
            ..VmSpec::new(name, self.memory, &self.files.kernel)
        };
        self.host.create(spec)?;
        self.host.start(name)?;
        Terminal::of_vm(&self.host, name)
    }

    /// The host's figures, measured after now.
    fn status(&self, interrupt: &Interrupt) -> Result<Arc<HostStatus>, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64);
        loop {
            let status = self.host.status();
            if status.at_milliseconds > now {
                return Ok(status);
            }
            interrupt.sleep(LOOK)?;
        }
    }
}

impl Crowd for Hosted<'_> {
    fn start(&mut self) -> Result<Start, String> {
        let name = format!("vm{}", self.names.len() + 1);
        match self.try_start(&name) {
            Ok(terminal) => {
                self.names.push(name);
                Ok(Start::Running(terminal))
            }
            Err(error) if error.kind() == Kind::Lack => Ok(Start::Refused(error.to_string())),
            Err(error) => Err(error.to_string()),
        }
    }

    fn used(&self) -> Result<ByteSize, String> {
        Ok(used(&self.host.status()))
    }

    fn processes(&self) -> Result<ByteSize, String> {
        process::memory(std::process::id())
    }

    fn cpu_time(&self) -> Result<Duration, String> {
        process::cpu_time(std::process::id())
    }

    fn settle(&mut self, interrupt: &Interrupt) -> Result<(), String> {
        let vms: Vec<_> = self.names.iter().filter_map(|name| self.host.vm(name)).collect();
        let memories: HashMap<VmId, Arc<VmMemory>> =
            vms.iter().map(|vm| (vm.memory().id(), Arc::clone(vm.memory()))).collect();
        let peers = |id: VmId| memories.get(&id).cloned();
        for _ in 0..ROUNDS {
            let (mut looked_at, mut found) = (0, 0);
            for memory in memories.values() {
                interrupt.check()?;
                let scanned = memory.scan(memory.pmap().size(), &peers);
                looked_at += scanned.pages;
                found += scanned.zeroed + scanned.shared;
            }
            if found * WORTH < looked_at {
                break;
            }
        }
        self.status(interrupt).map(drop)
    }

    fn tell(&self) -> String {
        let status = self.host.status();
        let sums = &status.sums;
        let mib = |size: ByteSize| size.0 >> 20;
        format!(
            "state {:?}; private {}, shared {} in {} MiB of frames, ballooned {}, compressed {}, swapped {}, overhead {} MiB",
            status.state,
            mib(sums.private_bytes),
            mib(sums.shared_bytes),
            mib(status.ledger.shared_bytes),
            mib(sums.ballooned_bytes),
            mib(sums.compressed_bytes),
            mib(sums.swapped_bytes),
            mib(status.ledger.overhead_bytes),
        )
    }
}

impl Drop for Hosted<'_> {
    fn drop(&mut self) {
        self.host.shutdown();
    }
}

/// All that is not free.
fn used(status: &HostStatus) -> ByteSize {
    ByteSize(status.ledger.total_bytes.0 - status.ledger.free_bytes.0)
}

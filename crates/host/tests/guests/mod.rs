//! Hosts under test, with real Debian guests, and with guests that sleep and whose memory tests write.

#![allow(dead_code, reason = "each test program uses its part")]

use addr::{ByteSize, Gfn, PAGE_SIZE};
use host::{Host, HostConfig};
use machine::VmMemory;
use model::{HostStatus, Power, VmSpec};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The directory with the Debian guest, if it can be booted here.
pub(crate) fn debian() -> Option<PathBuf> {
    kernels::bootable_debian(&["Image", "memtide.cpio"])
}

/// A host with directories of its own.
pub(crate) struct Under {
    pub(crate) host: Host,
    pub(crate) dir: TempDir,
}

impl std::ops::Deref for Under {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

pub(crate) fn config(dir: &Path, memory: ByteSize) -> HostConfig {
    HostConfig { state: dir.join("state"), machine_memory: memory, swap: dir.join("swap") }
}

impl Under {
    pub(crate) fn new(memory: ByteSize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::open(&config(dir.path(), memory)).unwrap();
        Self { host, dir }
    }

    pub(crate) fn swapping_to(memory: ByteSize, swap: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = HostConfig { swap: swap.to_owned(), ..config(dir.path(), memory) };
        Self { host: Host::open(&config).unwrap(), dir }
    }

    /// Waits until `wanted` holds of the status, which must always be in order.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&HostStatus) -> bool) -> Arc<HostStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            check(&status);
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "not so: {what}\n{status:#?}\n{}", self.told());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the VM has said `text`.
    pub(crate) fn hears(&self, vm: &str, text: &str) {
        let console = self.console(vm).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = String::from_utf8_lossy(&console.since(0).bytes).into_owned();
            if said.contains(text) {
                return;
            }
            let late = Instant::now() >= deadline || self.info(vm).unwrap().power == Power::Stopped;
            assert!(!late, "{vm} has not said '{text}':\n{said}\n{:?}\n{}", self.info(vm), self.told());
            console.wait_since(console.since(0).next(), 1, Duration::from_millis(300));
            check(&self.status());
        }
    }

    /// Waits until the VM has ended by itself.
    pub(crate) fn ends(&self, vm: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.info(vm).unwrap().power != Power::Stopped {
            assert!(Instant::now() < deadline, "{vm} has not ended: {:?}", self.info(vm));
            check(&self.status());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The last events, for messages.
    pub(crate) fn told(&self) -> String {
        let events = self.events_since(0);
        let skipped = events.len().saturating_sub(30);
        events[skipped..].iter().map(|event| serde_json::to_string(&**event).unwrap() + "\n").collect()
    }
}

/// What holds of every status.
pub(crate) fn check(status: &HostStatus) {
    assert!(status.ledger.closes(), "{:?}", status.ledger);
    let of = &status.thresholds;
    let thresholds = sched::Thresholds {
        high: of.high_bytes.pages(),
        clear: of.clear_bytes.pages(),
        soft: of.soft_bytes.pages(),
        hard: of.hard_bytes.pages(),
        low: of.low_bytes.pages(),
        margin: addr::PageCount(of.clear_bytes.pages().0 * 125 / 1000),
    };
    let state = sched::next_state(status.state, status.ledger.free_bytes.pages(), &thresholds);
    assert_eq!(state, status.state, "the state fits what is free: {:?}, {of:?}", status.ledger);
    for vm in &status.vms {
        let of = &vm.metrics;
        let sum = of.private_bytes.0
            + of.shared_bytes.0
            + of.ballooned_bytes.0
            + of.compressed_bytes.0
            + of.swapped_bytes.0
            + of.untouched_bytes.0;
        // Pages that change state while they are counted may be missed or counted twice.
        let off = sum.abs_diff(vm.size_bytes.0);
        let times = vm.running + vm.idle + vm.latency + vm.waiting;
        assert!(
            times == 0.0 || (times - 1.0).abs() < 1e-9,
            "{} spends {times} of its time: {vm:#?}",
            vm.name
        );
        assert!(of.swap_target_bytes >= of.swapped_bytes, "{vm:#?}");
        assert!(off <= 256 << 12, "{} has {sum} of {}: {vm:#?}", vm.name, vm.size_bytes);
    }
}

/// A VM that runs `commands`, or waits for some.
pub(crate) fn spec(guest: &Path, name: &str, memory: ByteSize, commands: &str) -> VmSpec {
    let run = if commands.is_empty() { String::new() } else { format!(" memtide.run=\"{commands}\"") };
    VmSpec {
        initrd: Some(guest.join("memtide.cpio")),
        append: format!("console=ttyS0 cryptomgr.notests quiet{run}"),
        ..VmSpec::new(name, memory, guest.join("Image"))
    }
}

impl Under {
    /// A VM whose guest sleeps.
    pub(crate) fn sleeper(&self, name: &str, memory: ByteSize) -> VmSpec {
        let kernel = self.dir.path().join("sleeper");
        if !kernel.exists() {
            std::fs::write(&kernel, kernels::waiting()).unwrap();
        }
        VmSpec::new(name, memory, kernel)
    }

    /// The memory of a running VM.
    pub(crate) fn memory(&self, name: &str) -> Arc<VmMemory> {
        Arc::clone(self.vm(name).unwrap().memory())
    }
}

/// The pages of a sleeper that are the test's to use: 24 MiB behind the kernel.
pub(crate) fn free_pages(memory: &VmMemory) -> impl Iterator<Item = Gfn> {
    let first = memory.pmap().first();
    (1024..1024 + 6144).map(move |page| Gfn(first.0 + page))
}

/// What does not compress, is different on each page, and the same for the same `seed`.
pub(crate) fn noise(seed: u64, gfn: Gfn) -> Vec<u8> {
    let mut state = (seed << 32 | gfn.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..PAGE_SIZE / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect()
}

/// Writes noise to pages, as a device would.
pub(crate) fn fill(memory: &VmMemory, seed: u64, pages: impl Iterator<Item = Gfn>) {
    for gfn in pages {
        memory.write(gfn.base(), &noise(seed, gfn)).unwrap();
    }
}

/// Whether pages hold the noise written to them.
pub(crate) fn verify(memory: &VmMemory, seed: u64, pages: impl Iterator<Item = Gfn>) {
    let mut page = vec![0; PAGE_SIZE as usize];
    for gfn in pages {
        memory.read(gfn.base(), &mut page).unwrap();
        assert!(page == noise(seed, gfn), "{gfn:?} is not what was written");
    }
}

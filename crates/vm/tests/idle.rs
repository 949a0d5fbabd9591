//! A guest at its prompt costs the host nothing. Alone in its program, because it looks at the
//! processor time of the whole process.

mod guest;

use addr::ByteSize;
use guest::{Guest, HARDWARE, PATIENCE, SOFTWARE};
use machine::Pool;
use std::thread;
use std::time::{Duration, Instant};
use vm::{MmuChoice, Vm};

const LOOK: Duration = Duration::from_secs(3);

/// Processor time this process has used so far.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Waits until the vCPUs have forgotten what they need no more, decoded code and shadow tables.
fn forgets(vm: &Vm) {
    let enough = ByteSize::kib(2560);
    let deadline = Instant::now() + PATIENCE;
    while vm.overhead() > enough {
        assert!(Instant::now() < deadline, "{} for two idle vCPUs", vm.overhead());
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_guest_at_its_prompt_costs_nothing() {
    let Some(files) = guest::debian() else { return };
    let mut config = guest::programs(&files, ByteSize::mib(192), "", "");
    config.cpus = 2;
    let pool = Pool::new(config.memory).unwrap();
    for mmu in [SOFTWARE, HARDWARE, MmuChoice::Automatic] {
        config.mmu = mmu;
        let guest = Guest::start(&config, &pool, 1);
        guest.console.expect("shell ready");
        guest.console.expect("# ");
        // What the kernel puts off until after its boot.
        thread::sleep(Duration::from_secs(2));
        // A guest now and then does something by itself; one that costs something does so at every look.
        let looks = (0..3).map(|_| {
            let before = processor_time();
            thread::sleep(LOOK);
            processor_time().saturating_sub(before)
        });
        let used = looks.min().expect("it is looked at three times");
        assert!(used < LOOK / 50, "{mmu}: {used:?} of {LOOK:?}");
        if mmu == SOFTWARE {
            forgets(&guest.vm);
        }
        guest.take_down();
    }
}

//! The loop with VMs that have memory and no guest.

use super::*;
use crate::host::HostConfig;
use crate::inventory::Inventory;
use crate::running::{Running, Start};
use crate::state_dir::StateDir;
use addr::{ByteSize, Gfn, Gpa, Mfn, PAGE_SIZE};
use machine::{Backing, Pool, ShareGroup, ShootDown, Stores, SwapFile, VmMemory};
use model::{Power, VmSpec};
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::thread;
use tempfile::TempDir;

const SIZE: ByteSize = ByteSize::mib(16);
/// How long anything may take on a machine that is busy with other things.
const LONG: Duration = Duration::from_mins(1);

/// A host without threads.
fn core(memory: ByteSize) -> (Arc<Core>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config =
        HostConfig { state: dir.path().join("state"), machine_memory: memory, swap: dir.path().to_owned() };
    let troubles = Arc::new(crate::file_troubles::FileTroubles::new(Arc::default()));
    let (pool, state) = (Pool::new(memory).unwrap(), StateDir::open(&config.state, troubles).unwrap());
    let alarms = (crate::alarms::Book::default(), actions::Worker::start(Vec::new(), Vec::new()).unwrap());
    (Arc::new(Core::new(config, pool, state, Inventory::default(), Vec::new(), alarms).unwrap()), dir)
}

/// Has a VM run that has no guest, and a swap file only if it has a limit.
fn add(core: &Core, spec: VmSpec) -> Arc<VmMemory> {
    let mut inventory = core.inventory.lock();
    let id = inventory.new_vm_id();
    let size = spec.memory_bytes.pages();
    let dir = spec.swap_dir.as_deref().unwrap_or(&core.config.swap);
    let swap = spec.limit_bytes.map(|_| SwapFile::create(dir, size).unwrap());
    let backing = Backing {
        reservation: PageCount(0),
        group: ShareGroup(id.0),
        stores: Stores::new(PageCount(0), swap),
    };
    let memory = Arc::new(VmMemory::with_backing(&core.pool, id, Gfn(0), size, backing).unwrap());
    let start = Start {
        name: spec.name.clone(),
        id,
        group: ShareGroup(id.0),
        salt: None,
        cpus: 1,
        swaps_elsewhere: spec.swap_dir.is_some(),
        swap_dir: dir.into(),
        overhead: PageCount(16),
        newly_wanted: true,
    };
    let name = spec.name.clone();
    inventory.add_vm(spec);
    let entry = inventory.vm_mut(&name).unwrap();
    entry.power = Power::Running;
    entry.running = Some(Arc::new(Running::new(start, Arc::clone(&memory))));
    memory
}

fn spec(name: &str, limit: Option<ByteSize>) -> VmSpec {
    VmSpec { limit_bytes: limit, ..VmSpec::new(name, SIZE, "") }
}

/// Fills a VM's memory with what cannot be compressed.
fn fill(memory: &VmMemory) {
    for gfn in 0..memory.pmap().size().0 {
        let page: Vec<u8> = (0..PAGE_SIZE).map(|_| fastrand::u8(..)).collect();
        memory.write(Gpa(gfn * PAGE_SIZE), &page).unwrap();
    }
}

/// The disk of a VM that takes nothing until it is told to: to whoever takes memory from the VM, a processor
/// that does not give its pages up is the same.
#[derive(Default)]
struct Stuck {
    free: Mutex<bool>,
    freed: Condvar,
}

impl ShootDown for Stuck {
    fn take_away(&self, _: &[(Gfn, Mfn)]) {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| !*free);
    }
}

impl Stuck {
    fn go_on(&self) {
        *self.free.lock() = true;
        self.freed.notify_all();
    }
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < deadline, "not so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the host's threads while `work` is done.
fn while_running(core: &Arc<Core>, work: impl FnOnce()) {
    thread::scope(|scope| {
        scope.spawn(|| run(core));
        start_taker(core).unwrap();
        let result = catch_unwind(AssertUnwindSafe(work));
        core.wakeup.stop();
        core.taker.stop();
        result.expect("the test's work holds");
    });
}

#[test]
fn the_loop_keeps_its_period_while_a_disk_takes_nothing() {
    let (core, _dir) = core(ByteSize::mib(64));
    let memory = add(&core, spec("slow", Some(ByteSize::mib(4))));
    fill(&memory);
    let other = add(&core, spec("other", None));
    let disk = Arc::new(Stuck::default());
    memory.attach(&disk);
    while_running(&core, || {
        let stuck = || core.measured().status.memory_loop.longest_slice_microseconds > 300_000;
        wait_until("a slice is stuck", stuck);
        let held = memory.held();

        // Seconds pass, a VM grows, a setting is changed: all of it is seen.
        let before = core.measured().status.memory_loop;
        core.inventory.lock().settings.set("Mem.BalancePeriod", 1).unwrap();
        core.wakeup.change();
        other.write(Gpa(0), &[1]).unwrap();
        wait_until("the loop goes on", || {
            let status = &core.measured().status;
            status.memory_loop.plans >= before.plans + 3
                && status.vms.iter().any(|vm| vm.name == "other" && vm.metrics.private_bytes.0 == PAGE_SIZE)
        });
        let status = core.measured().status.memory_loop;
        assert!(status.worst_lag_microseconds < 5_000_000, "{status:?}");
        assert!(status.longest_slice_microseconds > 2_000_000, "nobody waited for the disk: {status:?}");
        assert_eq!(memory.held(), held);

        // A decision made meanwhile takes the place of the one that is stuck: little more is taken.
        let mut inventory = core.inventory.lock();
        inventory.vm_mut("slow").unwrap().spec.limit_bytes = None;
        drop(inventory);
        let before = core.measured().status.memory_loop.plans;
        core.wakeup.change();
        wait_until("it is planned", || core.measured().status.memory_loop.plans > before);
        disk.go_on();
        wait_until("the slice has ended", || !core.taker.is_at_work());
        thread::sleep(Duration::from_millis(200));
        let taken = held.0 - memory.held().0;
        assert!(taken <= 1024, "{taken} of {} frames were taken after the limit was gone", held.0);
        assert!(!core.taker.is_at_work());
    });
    memory.audit().unwrap();
}

#[test]
fn a_disk_that_hangs_holds_up_the_takings_of_its_own_vms_only() {
    let (core, dir) = core(ByteSize::mib(96));
    let (hung, fine) = (dir.path().join("hung"), dir.path().join("fine"));
    for dir in [&hung, &fine] {
        std::fs::create_dir(dir).unwrap();
    }
    let place = |name: &str, dir: &Path| {
        let spec = VmSpec { swap_dir: Some(dir.to_owned()), ..spec(name, Some(ByteSize::mib(4))) };
        let memory = add(&core, spec);
        fill(&memory);
        memory
    };
    // Beyond its limit a VM gets memory only once some was taken from it: those on the disk have all they use before it hangs.
    let (memory, neighbour) = (place("hangs", &hung), place("neighbour", &hung));
    let disk = Arc::new(Stuck::default());
    memory.attach(&disk);
    while_running(&core, || {
        let stuck = || core.measured().status.memory_loop.longest_slice_microseconds > 300_000;
        wait_until("a slice is stuck", stuck);
        let begun = Instant::now();
        let other = place("other", &fine);
        core.wakeup.change();
        let held = [&memory, &neighbour].map(|memory| memory.held());
        wait_until("another disk's VM is within its limit", || other.held() <= ByteSize::mib(5).pages());
        assert!(begun.elapsed() < 3 * taker::HANGS, "{:?}", begun.elapsed());
        let of = |name: &str| {
            let status = Arc::clone(&core.measured().status);
            status.vms.iter().find(|vm| vm.name == name).and_then(|vm| vm.swap_failure.clone())
        };
        for name in ["hangs", "neighbour"] {
            wait_until("it is told of each VM on the disk", || {
                of(name).is_some_and(|why| why.contains("hung does not answer"))
            });
        }
        assert_eq!(of("other"), None);
        assert_eq!(
            held,
            [&memory, &neighbour].map(|memory| memory.held()),
            "nothing is tried on a disk that hangs"
        );

        disk.go_on();
        wait_until("once the disk answers, its VMs' limits are kept", || {
            [&memory, &neighbour].iter().all(|memory| memory.held() <= ByteSize::mib(5).pages())
        });
        wait_until("and that is told", || of("hangs").is_none() && of("neighbour").is_none());
        let told =
            |of: fn(&What) -> bool| core.journal.since(0).iter().filter(|event| of(&event.what)).count();
        assert_eq!(told(|what| matches!(what, What::SwapFailed { .. })), 2);
        assert_eq!(told(|what| matches!(what, What::SwapWorks { .. })), 2);
    });
    memory.audit().unwrap();
}

#[test]
fn takings_end_with_the_slice_when_the_host_shuts_down() {
    let (core, _dir) = core(ByteSize::mib(64));
    let memory = add(&core, spec("large", Some(ByteSize::mib(1))));
    fill(&memory);
    let disk = Arc::new(Stuck::default());
    memory.attach(&disk);
    while_running(&core, || {
        let stuck = || core.measured().status.memory_loop.longest_slice_microseconds > 0;
        wait_until("a slice is stuck", stuck);
        thread::scope(|scope| {
            scope.spawn(|| core.taker.stop());
            wait_until("it is to end", || core.taker.is_stopping());
            disk.go_on();
        });
    });
    assert!(memory.held() > ByteSize::mib(8).pages(), "{:?} are left", memory.held());
}

/// Writes to a VM's pages until no frame is free.
fn fill_all_there_is(core: &Core, memory: &VmMemory) {
    for gfn in memory.pmap().pages() {
        if core.pool.usage().available().0 == 0 {
            return;
        }
        memory.write(gfn.base(), &[1]).unwrap();
    }
}

#[test]
fn a_standstill_is_told_and_nobody_whose_swap_file_works_is_ended_for_it() {
    let (core, _dir) = core(ByteSize::mib(32));
    let memory = add(&core, VmSpec { memory_bytes: ByteSize::mib(64), ..spec("large", None) });
    let mut memory_loop = MemoryLoop::new(Arc::clone(&core));
    memory_loop.each_second();
    fill_all_there_is(&core, &memory);
    memory_loop.make_plan();
    let running = Arc::clone(core.inventory.lock().running().next().unwrap().1);
    let waiter = Arc::clone(&memory);
    thread::spawn(move || waiter.write(Gfn(waiter.pmap().size().0 - 1).base(), &[1]).unwrap());
    wait_until("it waits for a frame", || memory.waits_for_frames());
    for second in 1..=100 {
        memory_loop.each_second();
        assert_eq!(core.measured().status.memory_loop.standstill_seconds, second - 1);
        let told = |event: &Arc<model::Event>| matches!(&event.what, What::MemoryStandsStill { .. });
        let told = core.journal.since(0).iter().filter(|event| told(event)).count();
        assert_eq!(told, usize::from(second > standstill::PATIENCE / 2));
    }
    assert!(!running.is_stopping());
    // Once memory is free again that is over, in a few seconds.
    let half: Vec<Gfn> = memory.pmap().pages().take(4096).collect();
    memory.inflate(&half);
    memory_loop.make_plan();
    wait_until("it waits no more", || !memory.waits_for_frames());
    (0..5).for_each(|_| memory_loop.each_second());
    assert_eq!(core.measured().status.memory_loop.standstill_seconds, 0);
}

#[test]
fn a_guest_that_cannot_be_loaded_because_its_swap_file_fails_is_given_up() {
    let (core, _dir) = core(ByteSize::mib(64));
    let memories = ["fails", "works"].map(|name| add(&core, spec(name, Some(ByteSize::mib(1)))));
    let mut memory_loop = MemoryLoop::new(Arc::clone(&core));
    let running = |name| Arc::clone(core.inventory.lock().vm(name).unwrap().running.as_ref().unwrap());
    *running("fails").swap_trouble.lock() =
        Some(crate::running::SwapTrouble { why: "the disk is full".to_owned(), rests_until: None });
    for _ in 0..standstill::LOADING_PATIENCE {
        assert_eq!(running("fails").not_loaded(), None);
        memory_loop.each_second();
        for memory in &memories {
            memory.write(Gpa(0), &[1]).unwrap();
        }
    }
    let why = running("fails").not_loaded().unwrap();
    assert!(why.contains("60 s") && why.ends_with("the disk is full"), "{why}");
    assert_eq!(running("works").not_loaded(), None);
}

#[test]
fn a_panic_is_told_as_a_fault_of_the_code_and_not_as_a_broken_invariant() {
    let (core, _dir) = core(ByteSize::mib(16));
    tell_panics(&core, "in a test", || panic!("no {}", "luck"));
    let events = core.journal.since(0);
    let told = |what: &What| matches!(what, What::InternalError { place, message } if place == "in a test" && message == "no luck");
    assert!(events.len() == 1 && told(&events[0].what), "{events:?}");
}

/// What this thread's work took of a processor.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What a turn of the loop with `count` VMs takes at best: measuring, planning, ordering, publishing.
fn turn(count: usize) -> Duration {
    let (core, _dir) = core(ByteSize::mib(256));
    for number in 0..count {
        let memory = add(&core, spec(&format!("vm{number}"), None));
        memory.write(Gpa(0), &[1]).unwrap();
    }
    let mut memory_loop = MemoryLoop::new(Arc::clone(&core));
    let turns = (0..20).map(|_| {
        let start = cpu_time();
        memory_loop.each_second();
        memory_loop.make_plan();
        cpu_time().saturating_sub(start)
    });
    let best = turns.min().expect("there are some");
    assert_eq!(core.measured().status.vms.len(), count);
    best
}

#[test]
fn a_turn_with_ten_times_the_vms_takes_about_ten_times_as_long() {
    let (hundred, thousand) = (turn(100), turn(1000));
    // With anything quadratic it would be a hundred times.
    assert!(thousand < hundred * 40, "{hundred:?} for 100 VMs, {thousand:?} for 1,000");
}

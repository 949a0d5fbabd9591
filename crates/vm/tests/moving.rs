//! Guests whose pages move to other frames all the time, and who must not notice.

mod guest;

use addr::{ByteSize, Gfn};
use guest::{Console, Guest, HARDWARE, SOFTWARE};
use machine::{MoveReport, Pool};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use vm::{MmuChoice, Vm};

const MEMORY: ByteSize = ByteSize::mib(192);
/// What pages can move to: as little as makes frames come back at once.
const SPARE: ByteSize = ByteSize::mib(1);

/// Every program, most of them for longer than `mt all` takes, while a device reads and writes
/// memory by itself.
const COMMANDS: &str = "mt insmod /modules/virtio-rng.ko; \
    dd if=/dev/hwrng of=/dev/null bs=512 count=200 & \
    mt all; mt touch 8 2 4; wait";

/// Marsaglia's xorshift: the same pages every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Moves pages of `vm` until `done`: by turns a batch of pages in a row, going over all of memory,
/// and one of pages from anywhere.
fn keep_moving(vm: &Vm, done: &AtomicBool) -> MoveReport {
    let memory = vm.memory().pmap();
    let (first, size) = (memory.first().0, memory.size().0);
    let mut random = Random(0x9e37_79b9);
    let mut total = MoveReport::default();
    let mut next = 0;
    while !done.load(Ordering::Relaxed) {
        let batch = 1 + random.below(64);
        let sweeping = random.below(2) == 0;
        let gfns: Vec<Gfn> = (0..batch)
            .map(|page| Gfn(first + if sweeping { (next + page) % size } else { random.below(size) }))
            .collect();
        next += if sweeping { batch } else { 0 };
        let report = vm.move_pages(&gfns);
        assert_eq!(report.moved + report.skipped + report.no_frame, batch);
        total.moved += report.moved;
        total.skipped += report.skipped;
        total.no_frame += report.no_frame;
    }
    total
}

/// Changes the technique every few milliseconds until `done`; says how often.
fn keep_switching(vm: &Vm, done: &AtomicBool) -> u64 {
    let mut random = Random(0x2545_f491);
    let mut switches = 0;
    while !done.load(Ordering::Relaxed) {
        vm.set_mmu([SOFTWARE, HARDWARE, MmuChoice::Automatic][random.below(3) as usize]);
        switches += 1;
        thread::sleep(Duration::from_millis(1 + random.below(9)));
    }
    switches
}

/// Ends the threads that look at it, also when `work` panics.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` with a guest whose pages move; gives what was moved and how often the technique
/// changed.
fn while_moving(guest: &Guest, switching: bool, work: impl FnOnce()) -> (MoveReport, u64) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mover = scope.spawn(|| keep_moving(&guest.vm, &done));
        let switcher = switching.then(|| scope.spawn(|| keep_switching(&guest.vm, &done)));
        let ended = Done(&done);
        work();
        drop(ended);
        (mover.join().unwrap(), switcher.map_or(0, |thread| thread.join().unwrap()))
    })
}

fn nothing_is_noticed(mmu: MmuChoice, switching: bool) {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(ByteSize(MEMORY.0 + SPARE.0)).unwrap();
    let mut config = guest::programs(&files, MEMORY, "", COMMANDS);
    config.mmu = mmu;
    for cpus in [1, 2, 4] {
        config.cpus = cpus;
        let guest = Guest::start(&config, &pool, 1);
        let (report, switches) = while_moving(&guest, switching, || guest.end_well());
        let text = guest.console.text();
        assert!(text.contains("ALL OK"), "{text}");
        assert!(report.moved > 20_000, "{report:?}");
        assert!(!switching || switches > 100, "{switches} switches");
        let statistics = guest.vm.statistics();
        let taken = statistics.software.mmu.taken_away + statistics.hardware.mmu.taken_away;
        assert!(taken >= report.moved * u64::from(cpus), "every hart was told of every page: {taken}");
        let rng = &statistics.devices.iter().find(|(name, _)| *name == "rng").expect("there is an rng").1;
        assert!(rng.kicks > 10 && rng.bad_requests == 0, "{rng:?}");
        guest.take_down();
        guest::assert_unused(&pool);
    }
}

#[test]
fn under_software() {
    nothing_is_noticed(SOFTWARE, false);
}

#[test]
fn under_hardware() {
    nothing_is_noticed(HARDWARE, false);
}

#[test]
fn while_the_technique_changes() {
    nothing_is_noticed(MmuChoice::Automatic, true);
}

const LINES: usize = 800;
const NUMBERS: usize = 20_000;

/// The numbers the guest is to send, one a line.
fn numbers_in(console: &Console) -> Vec<usize> {
    let text = console.text();
    text.lines().filter_map(|line| line.strip_prefix("number ")?.parse().ok()).collect()
}

#[test]
fn the_serial_port_loses_nothing_either_way() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(ByteSize(MEMORY.0 + SPARE.0)).unwrap();
    let mut config = guest::programs(&files, MEMORY, "", "");
    config.cpus = 2;
    let guest = Guest::start(&config, &pool, 1);
    guest.console.expect("shell ready");
    let (report, switches) = while_moving(&guest, true, || {
        guest.send(
            "stty -echo; echo quiet-$((6*7)); \
             while read -r line; do echo \"got $line\"; [ \"$line\" = end ] && break; done\n",
        );
        // What comes while the terminal still echoes, or changes its mode, is not the port's to keep.
        guest.console.expect("quiet-42");
        let lines: Vec<String> = (0..LINES).map(|n| format!("{n} of the lines that go in\n")).collect();
        guest.send(&lines.concat());
        guest.send("end\n");
        guest.console.expect("got end");
        guest.send(&format!("echo; for n in $(seq {NUMBERS}); do echo number $n; done; echo all-$((6*7))\n"));
        guest.console.expect("all-42");
    });
    let text = guest.console.text();
    let got: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("got ")).collect();
    let sent: Vec<String> = (0..LINES).map(|n| format!("{n} of the lines that go in")).collect();
    assert_eq!(got.len(), LINES + 1);
    let wrong = got.iter().zip(&sent).find(|(got, sent)| got != sent);
    assert_eq!(wrong, None);
    let numbers = numbers_in(&guest.console);
    let wrong = numbers.iter().zip(1..).find(|&(&got, sent)| got != sent);
    assert_eq!((numbers.len(), wrong), (NUMBERS, None));
    assert!(report.moved > 1000 && switches > 10, "{report:?}, {switches} switches");
    guest.take_down();
    guest::assert_unused(&pool);
}

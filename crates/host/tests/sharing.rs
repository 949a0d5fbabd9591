//! Who shares pages with whom: guests with equal pages under every value of `Mem.ShareForceSalting`.

mod guests;

use addr::{ByteSize, Gfn};
use guests::{Under, fill, free_pages};
use host::Stop;
use machine::VmMemory;
use model::{HostStatus, VmSpec};

/// Large, since a VM is scanned in a time and not at a speed; little of it is used.
const SIZE: ByteSize = ByteSize::mib(1024);
const MACHINE: ByteSize = ByteSize::mib(192);
/// Pages that are equal in all VMs and unlike within each; and such as are equal within each VM.
const BETWEEN: usize = 512;
const WITHIN: usize = 64;

fn host(salting: u64) -> Under {
    let host = Under::new(MACHINE);
    for (setting, value) in
        [("ShareScanTime", 10), ("ShareScanGHz", 32), ("ShareRateMax", 8192), ("ShareForceSalting", salting)]
    {
        host.set_setting(&format!("Mem.{setting}"), value).unwrap();
    }
    host
}

fn start(host: &Under, name: &str, salt: Option<&str>) {
    let spec = host.sleeper(name, SIZE);
    host.create(VmSpec { salt: salt.map(str::to_owned), ..spec }).unwrap();
    host.start(name).unwrap();
    let memory = host.memory(name);
    fill(&memory, 1, between(&memory));
    let page = guests::noise(u64::from(memory.id().0) + 100, Gfn(0));
    within(&memory).for_each(|gfn| memory.write(gfn.base(), &page).unwrap());
}

fn between(memory: &VmMemory) -> impl Iterator<Item = Gfn> {
    free_pages(memory).take(BETWEEN)
}

fn within(memory: &VmMemory) -> impl Iterator<Item = Gfn> {
    free_pages(memory).skip(BETWEEN).take(WITHIN)
}

/// Pages of the VM that share frames, and the frames that these are.
fn shared(status: &HostStatus, name: &str) -> (u64, u64) {
    let metrics = status.vms.iter().find(|vm| vm.name == name).map(|vm| vm.metrics).unwrap_or_default();
    let pages = (metrics.shared_bytes.0 - metrics.zero_bytes.0) >> 12;
    (pages, metrics.shared_common_bytes.0 >> 12)
}

/// Waits until all of the VMs' pages were looked at: those that are equal within are shared, and they come last.
fn scanned(host: &Under, names: &[&str]) {
    host.wait_for("all is scanned", |status| {
        names.iter().all(|name| {
            let memory = host.memory(name);
            within(&memory).all(|gfn| is_shared(&memory, gfn))
        }) && !status.vms.is_empty()
    });
}

fn is_shared(memory: &VmMemory, gfn: Gfn) -> bool {
    matches!(memory.pmap().state(gfn), Some((machine::PageState::Shared(_), _)))
}

/// Pages of `one` in frames that hold pages of `other` too.
fn in_common(host: &Under, one: &str, other: &str) -> usize {
    let frames = |name: &str| {
        let memory = host.memory(name);
        let state = |gfn| memory.pmap().state(gfn).and_then(|(state, _)| state.frame());
        between(&memory).filter(|&gfn| is_shared(&memory, gfn)).filter_map(state).collect::<Vec<_>>()
    };
    let others = frames(other);
    frames(one).iter().filter(|frame| others.contains(frame)).count()
}

#[test]
fn unless_told_otherwise_a_vm_shares_with_itself_only() {
    let host = host(2);
    assert_eq!(host.setting("Mem.ShareForceSalting").unwrap().default, 2);
    start(&host, "a", None);
    start(&host, "b", None);
    scanned(&host, &["a", "b"]);
    assert_eq!(in_common(&host, "a", "b"), 0);
    let status = host.wait_for("it shows", |status| shared(status, "a").0 >= WITHIN as u64);
    assert!(shared(&status, "a").0 < (WITHIN + 64) as u64, "{:?}", shared(&status, "a"));
    host.audit().unwrap();
}

#[test]
fn with_salts_forced_equal_salts_share_and_no_others() {
    let host = host(2);
    for (name, salt) in [("a1", Some("a")), ("a2", Some("a")), ("b", Some("b")), ("unsalted", None)] {
        start(&host, name, salt);
    }
    scanned(&host, &["a1", "a2", "b", "unsalted"]);
    host.wait_for("equal salts share", |_| in_common(&host, "a1", "a2") > BETWEEN / 2);
    for (one, other) in [("a1", "b"), ("a1", "unsalted"), ("b", "unsalted")] {
        assert_eq!(in_common(&host, one, other), 0, "{one} and {other}");
    }
    host.audit().unwrap();
}

#[test]
fn with_salts_as_given_those_without_share_too() {
    let host = host(1);
    for (name, salt) in [("a1", Some("a")), ("a2", Some("a")), ("none1", None), ("none2", None)] {
        start(&host, name, salt);
    }
    scanned(&host, &["a1", "a2", "none1", "none2"]);
    host.wait_for("equals share", |_| {
        in_common(&host, "a1", "a2") > BETWEEN / 2 && in_common(&host, "none1", "none2") > BETWEEN / 2
    });
    assert_eq!(in_common(&host, "a1", "none1"), 0);
    host.audit().unwrap();
}

#[test]
fn a_setting_counts_from_a_vms_next_start() {
    let host = host(0);
    start(&host, "a", Some("a"));
    start(&host, "b", Some("b"));
    scanned(&host, &["a", "b"]);
    host.wait_for("without salting all share", |_| in_common(&host, "a", "b") > BETWEEN / 2);
    host.set_setting("Mem.ShareForceSalting", 2).unwrap();
    assert!(in_common(&host, "a", "b") > BETWEEN / 2, "what runs keeps what it was started with");
    // One that starts now shares with nobody who was started before, whatever the salts.
    start(&host, "a-too", Some("a"));
    scanned(&host, &["a-too"]);
    assert_eq!(in_common(&host, "a", "a-too"), 0);
    // Started again, the others follow.
    for name in ["a", "b"] {
        host.stop(name, Stop::Now).unwrap();
        host.start(name).unwrap();
        let memory = host.memory(name);
        fill(&memory, 1, between(&memory));
    }
    host.wait_for("equal salts share", |_| in_common(&host, "a", "a-too") > BETWEEN / 2);
    assert_eq!(in_common(&host, "a", "b"), 0);
    host.audit().unwrap();
}

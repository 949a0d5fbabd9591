//! VMs that are restarted, by people and by their guests, and VMs that are paused.

mod guests;

use addr::ByteSize;
use guests::{PATIENCE, Under};
use host::{HostError, Stop, Stopped};
use model::{Afterwards, HowEnded, Power, RestartedFor, VmChange, VmSpec, What};
use std::time::{Duration, Instant};

const MEMORY: ByteSize = ByteSize::mib(128);
const SIZE: ByteSize = ByteSize::mib(48);
/// `lui t0, 0x8000; addi t0, t0, -1; bnez t0, -4`: some tenths of a second.
const COUNT_DOWN: [u32; 3] = [0x0800_02b7, 0xfff2_8293, 0xfe02_9ee3];

#[track_caller]
fn wait_for(under: &Under, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so: {what}\n{}", under.told());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A VM whose guest reboots after a moment.
fn rebooting(under: &Under, name: &str, on_reboot: Afterwards) -> VmSpec {
    let kernel = under.dir.path().join(name);
    std::fs::write(&kernel, kernels::image(&[&COUNT_DOWN[..], &kernels::reset(1, 0)].concat())).unwrap();
    VmSpec { on_reboot, ..VmSpec::new(name, SIZE, kernel) }
}

fn restarts(under: &Under, why: RestartedFor) -> usize {
    let is_one = |what: &What| matches!(what, What::VmRestarted { why: because, .. } if *because == why);
    under.events_since(0).iter().filter(|event| is_one(&event.what)).count()
}

fn power(under: &Under, name: &str) -> Power {
    under.info(name).unwrap().power
}

#[test]
fn a_restarted_vm_is_the_same_vm_with_memory_that_nobody_touched() {
    let under = Under::new(MEMORY);
    // All there is is reserved: nothing is left to be admitted anew.
    let spec = VmSpec { reservation_bytes: SIZE, ..under.sleeper("web", SIZE) };
    under.create(spec).unwrap();
    let error = under.restart("web", Stop::Now).unwrap_err();
    assert!(matches!(error, HostError::NotRunning(_)), "{error}");
    under.start("web").unwrap();
    let unreserved = under.wait_for("it is measured", |status| status.vms.len() == 1).unreserved_bytes;
    let filler = VmSpec { reservation_bytes: unreserved, ..under.sleeper("filler", ByteSize::mib(128)) };
    under.create(filler).unwrap();
    under.start("filler").unwrap_err();
    let before = under.info("web").unwrap();
    let memory = under.memory("web");
    let pages = || memory.pmap().pages().skip(1000).take(500);
    guests::fill(&memory, 7, pages());
    let held = memory.held();
    for _ in 0..3 {
        let after = under.restart("web", Stop::Now).unwrap();
        assert_eq!((after.power, after.id, after.wanted_on), (Power::Running, before.id, true));
        assert!(std::sync::Arc::ptr_eq(&memory, &under.memory("web")));
        assert!(memory.held().0 < held.0 - 400, "{:?} of {held:?}", memory.held());
        under.audit().unwrap();
    }
    assert_eq!(memory.reservation(), SIZE.pages());
    assert_eq!(restarts(&under, RestartedFor::Asked), 3);

    let asked = Stop::Shutdown { deadline: None, force: false };
    let error = under.restart("web", asked).unwrap_err();
    assert!(matches!(error, HostError::StillRuns { .. }), "{error}");
    assert_eq!(power(&under, "web"), Power::Running);
    under.restart("web", Stop::default()).unwrap();
    assert_eq!(restarts(&under, RestartedFor::Asked), 4);

    // Its guest's file is gone meanwhile.
    std::fs::remove_file(under.dir.path().join("sleeper")).unwrap();
    let error = under.restart("web", Stop::Now).unwrap_err();
    assert!(matches!(&error, HostError::NotRestarted { why, .. } if why.contains("kernel")), "{error}");
    let info = under.info("web").unwrap();
    assert_eq!((info.power, info.ended, info.wanted_on), (Power::Stopped, Some(HowEnded::Failed), true));
    drop(memory);
    under.audit().unwrap();
}

#[test]
fn a_guest_that_reboots_is_restarted_ever_more_rarely_or_ended_or_kept() {
    let under = Under::new(ByteSize::mib(256));
    under.create(rebooting(&under, "again", Afterwards::Restart)).unwrap();
    under.create(rebooting(&under, "once", Afterwards::Stop)).unwrap();
    under.create(rebooting(&under, "kept", Afterwards::Keep)).unwrap();
    for name in ["again", "once", "kept"] {
        under.start(name).unwrap();
    }
    let id = under.info("again").unwrap().id;
    under.ends("once");
    let once = under.info("once").unwrap();
    assert_eq!((once.ended, once.wanted_on), (Some(HowEnded::RebootRequested), false));
    wait_for(&under, "it is kept", || power(&under, "kept") == Power::Paused);
    assert!(under.info("kept").unwrap().wanted_on);
    under.vm("kept").unwrap().audit().unwrap();
    // People may let it go on their way.
    under.set("kept", &VmChange { on_reboot: Some(Afterwards::Stop), ..VmChange::default() }).unwrap();
    under.restart("kept", Stop::Now).unwrap();
    under.ends("kept");

    wait_for(&under, "four restarts", || restarts(&under, RestartedFor::GuestRebooted) >= 4);
    let waits: Vec<u64> = under
        .events_since(0)
        .iter()
        .filter_map(|event| match &event.what {
            What::VmRestarted { vm, waits_seconds, .. } if vm == "again" => Some(*waits_seconds),
            _ => None,
        })
        .collect();
    assert_eq!(waits[..4], [0, 0, 0, 2]);
    assert_eq!(under.info("again").unwrap().id, id);
    let alarms = || under.alarms().iter().any(|alarm| alarm.rule == "vm-start");
    wait_for(&under, "an alarm", alarms);
    // Stopped while it is left off.
    assert!(matches!(under.stop("again", Stop::Now), Ok(Stopped::PoweredOff { .. })));
    assert_eq!((power(&under, "again"), under.info("again").unwrap().wanted_on), (Power::Stopped, false));
    under.audit().unwrap();
}

#[test]
fn a_paused_vm_keeps_its_memory_gives_some_up_and_can_be_resumed_stopped_and_restarted() {
    let under = Under::new(MEMORY);
    under.create(under.sleeper("web", SIZE)).unwrap();
    assert!(matches!(under.pause("web"), Err(HostError::NotRunning(_))));
    under.start("web").unwrap();
    let memory = under.memory("web");
    let pages = || memory.pmap().pages().skip(1000).take(2000);
    guests::fill(&memory, 3, pages());
    assert_eq!(under.pause("web").unwrap().power, Power::Paused);
    assert_eq!(under.pause("web").unwrap().power, Power::Paused);
    assert!(matches!(under.type_in("web", b"x"), Err(HostError::Paused(_))));
    let limit = VmChange { limit_bytes: Some(Some(ByteSize::mib(4))), ..VmChange::default() };
    under.set("web", &limit).unwrap();
    under.wait_for("its memory is reclaimed", |status| {
        status.vms.first().is_some_and(|vm| vm.metrics.consumed_bytes <= ByteSize::mib(5))
    });
    let status = under.status();
    assert_eq!((status.vms[0].latency, status.vms[0].waiting, status.vms[0].slowed), (0.0, 0.0, false));
    under.set("web", &VmChange { limit_bytes: Some(None), ..VmChange::default() }).unwrap();
    assert_eq!(under.resume("web").unwrap().power, Power::Running);
    guests::verify(&memory, 3, pages());

    under.pause("web").unwrap();
    assert_eq!(under.restart("web", Stop::Now).unwrap().power, Power::Running);
    under.pause("web").unwrap();
    let why = Some("it is paused".to_owned());
    assert_eq!(under.stop("web", Stop::default()).unwrap(), Stopped::PoweredOff { why });
    assert_eq!(power(&under, "web"), Power::Stopped);
    drop(memory);
    let told: Vec<String> = under.events_since(0).iter().map(|event| event.what.name().to_owned()).collect();
    for (word, times) in [("vm-paused", 3), ("vm-resumed", 1), ("vm-restarted", 1)] {
        assert_eq!(told.iter().filter(|told| *told == word).count(), times, "{word}: {told:?}");
    }
}

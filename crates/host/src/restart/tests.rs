use super::*;
use crate::{Host, HostConfig};
use addr::ByteSize;
use model::{HowEnded, VmSpec};
use std::path::Path;

const SOON: Duration = Duration::from_secs(20);

fn wait_for(host: &Host, what: &str, is_so: impl Fn(&Host) -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so(host) {
        assert!(Instant::now() < deadline, "not so: {what}: {:?}", host.list());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn host(place: &Path, on_panic: Afterwards) -> Host {
    std::fs::write(place.join("sleeper"), kernels::waiting()).unwrap();
    let config = HostConfig {
        state: place.join("state"),
        machine_memory: ByteSize::mib(96),
        swap: place.join("swap"),
    };
    let host = Host::open(&config).unwrap();
    host.create(VmSpec { on_panic, ..VmSpec::new("a", ByteSize::mib(48), place.join("sleeper")) }).unwrap();
    host.start("a").unwrap();
    guest_panicked(host.core(), "a");
    host
}

fn restarts_told(host: &Host) -> usize {
    let is_restart = |what: &What| matches!(what, What::VmRestarted { why: RestartedFor::GuestFailed, .. });
    host.events_since(0).iter().filter(|event| is_restart(&event.what)).count()
}

#[test]
fn what_is_done_about_a_panic_is_what_was_asked() {
    let place = tempfile::tempdir().unwrap();
    let restarted = host(place.path(), Afterwards::Restart);
    wait_for(&restarted, "it runs anew", |host| {
        restarts_told(host) == 1 && host.info("a").unwrap().power == Power::Running
    });
    assert!(restarted.info("a").unwrap().wanted_on);

    let place = tempfile::tempdir().unwrap();
    let stopped = host(place.path(), Afterwards::Stop);
    wait_for(&stopped, "it is off", |host| host.info("a").unwrap().power == Power::Stopped);
    let info = stopped.info("a").unwrap();
    assert_eq!((info.ended, info.reason.as_deref()), (Some(HowEnded::Stopped), Some("its guest panicked")));
    assert!(!info.wanted_on);

    let place = tempfile::tempdir().unwrap();
    let kept = host(place.path(), Afterwards::Keep);
    assert_eq!((kept.info("a").unwrap().power, restarts_told(&kept)), (Power::Running, 0));
}

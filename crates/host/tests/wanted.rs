//! Which VMs are wanted on, after whichever end, and where that cannot be written down.

mod disks;
mod guests;

use addr::ByteSize;
use disks::Disk;
use guests::{PATIENCE, Under, config};
use host::{Host, HostConfig, HostError, Stop, Stopped};
use model::{HowEnded, Power, ProblemCode, VmSpec, What};
use rustix::fs::{CWD, RenameFlags};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const MEMORY: ByteSize = ByteSize::mib(96);
const SIZE: ByteSize = ByteSize::mib(48);

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A VM whose guest asks for a reset at once.
fn resetting(under: &Under, name: &str, kind: u32, reason: u32) -> VmSpec {
    let kernel = under.dir.path().join(name);
    std::fs::write(&kernel, kernels::image(&kernels::reset(kind, reason))).unwrap();
    VmSpec::new(name, SIZE, kernel)
}

fn file(under: &Under, name: &str) -> PathBuf {
    under.dir.path().join(format!("state/vms/{name}.on"))
}

#[test]
fn a_vm_is_wanted_on_until_it_is_stopped_or_powers_itself_off() {
    let under = Under::new(MEMORY);
    under.create(under.sleeper("web", SIZE)).unwrap();
    let is_wanted = |name: &str| (under.info(name).unwrap().wanted_on, file(&under, name).exists());
    assert_eq!(is_wanted("web"), (false, false));
    under.start("web").unwrap();
    assert_eq!(is_wanted("web"), (true, true));
    let refused = under.stop("web", Stop::Shutdown { deadline: None, force: false }).unwrap_err();
    assert!(matches!(refused, HostError::StillRuns { .. }));
    assert_eq!(is_wanted("web"), (true, true), "it runs on");
    under.vm("web").unwrap().fail("for a test".to_owned());
    under.ends("web");
    assert_eq!(under.info("web").unwrap().ended, Some(HowEnded::Failed));
    assert_eq!(is_wanted("web"), (true, true), "nobody wants it off");
    assert_eq!(under.stop("web", Stop::Now).unwrap(), Stopped::Already);
    assert_eq!(is_wanted("web"), (false, false), "somebody does");

    let spec = VmSpec { kernel: "/nowhere".into(), ..under.sleeper("gone", SIZE) };
    under.create(spec).unwrap();
    under.start("gone").unwrap_err();
    assert_eq!(is_wanted("gone"), (false, false), "a start that failed changes nothing");

    under.create(resetting(&under, "off", 0, 0)).unwrap();
    under.start("off").unwrap();
    under.ends("off");
    assert_eq!(is_wanted("off"), (false, false), "its guest wants it off");
    under.remove("off").unwrap();

    // The end of the host is none of the VM's.
    under.start("web").unwrap();
    under.shutdown();
    assert_eq!(is_wanted("web"), (true, true));
    let next = Host::open(&config(under.dir.path(), MEMORY)).unwrap();
    assert_eq!(next.starts_with_host(), ["web"]);
    next.remove("web").unwrap();
    assert!(!file(&under, "web").exists());
}

#[test]
fn a_start_that_cannot_be_written_down_is_refused_and_a_stop_is_written_later() {
    let under = Under::new(MEMORY);
    under.create(under.sleeper("web", SIZE)).unwrap();
    let file = file(&under, "web");
    // Nothing can be opened for writing, or removed as a file, where there is a directory.
    std::fs::create_dir(&file).unwrap();
    let refused = under.start("web").unwrap_err();
    assert_eq!(
        (refused.code(), under.info("web").unwrap().power),
        (ProblemCode::Unwritten, Power::Stopped),
        "{refused}"
    );
    assert!(!under.info("web").unwrap().wanted_on);
    std::fs::remove_dir(&file).unwrap();
    under.start("web").unwrap();

    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(under.stop("web", Stop::Now).unwrap(), Stopped::PoweredOff { why: None });
    let info = under.info("web").unwrap();
    assert!(info.unwritten.is_some_and(|why| why.contains("web.on")) && !info.wanted_on);
    let told = |what: &What| matches!(what, What::Trouble { why } if why.contains("'web' is to be off"));
    assert!(under.events_since(0).iter().any(|event| told(&event.what)), "{}", under.told());
    // In one step, as it is tried all the time: the directory makes place for the file there was.
    let kept = under.dir.path().join("kept");
    std::fs::write(&kept, "").unwrap();
    rustix::fs::renameat_with(CWD, &kept, CWD, &file, RenameFlags::EXCHANGE).unwrap();
    wait_for("it is written", || under.info("web").unwrap().unwritten.is_none());
    assert!(!file.exists());
}

#[test]
fn a_stop_is_kept_although_the_disk_is_full() {
    let Some(disk) = Disk::in_memory(1) else { return };
    let under = Under::new(MEMORY);
    let config = HostConfig {
        state: disk.path().join("state"),
        machine_memory: MEMORY,
        swap: under.dir.path().join("swap"),
    };
    let host = Host::open(&config).unwrap();
    host.create(under.sleeper("web", SIZE)).unwrap();
    host.start("web").unwrap();
    let filler = vec![0; 2 << 20];
    std::fs::write(disk.path().join("filler"), &filler).unwrap_err();
    let full = host.create(under.sleeper("other", SIZE)).unwrap_err();
    assert_eq!(full.code(), ProblemCode::NotKept, "{full}");
    host.stop("web", Stop::Now).unwrap();
    assert_eq!(host.info("web").unwrap().unwritten, None);
    drop(host);
    let host = Host::open(&config).unwrap();
    assert!(host.starts_with_host().is_empty() && !host.info("web").unwrap().wanted_on);
}

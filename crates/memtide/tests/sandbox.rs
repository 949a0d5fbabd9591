//! What the kernel lets a running host do.

mod support;

use rustix::process::{Signal, geteuid};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Instant;
use support::{Place, Running, SOON, create_idle, host};

/// A thread by its name, and what the kernel says of it.
struct Thread {
    name: String,
    status: String,
}

impl Thread {
    fn says(&self, field: &str) -> u64 {
        let line = self.status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').trim().parse().unwrap()
    }
}

fn threads(process: u32) -> Vec<Thread> {
    let thread = |entry: std::io::Result<fs::DirEntry>| {
        let read = |file: &str| fs::read_to_string(entry.as_ref().unwrap().path().join(file)).ok();
        Some(Thread { name: read("comm")?.trim().to_owned(), status: read("status")? })
    };
    fs::read_dir(format!("/proc/{process}/task")).unwrap().filter_map(thread).collect()
}

/// All threads, once each has filters of its own.
fn settled(host: &Running, least: impl Fn(&str) -> u64) -> Vec<Thread> {
    let deadline = Instant::now() + SOON;
    loop {
        let threads = threads(host.child.id());
        let late = threads.iter().find(|thread| thread.says("Seccomp_filters") < least(&thread.name));
        let Some(late) = late else { return threads };
        assert!(Instant::now() < deadline, "{} has {} filters", late.name, late.says("Seccomp_filters"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn every_thread_keeps_to_what_its_kind_needs() {
    let place = Place::new();
    let host = host(&place, "128MiB", &["--listen", "0"]);
    create_idle(&place, "web", &["--start"]);
    // The process's filter, one for the kind of a thread, and where a thread of another kind started it, that one's.
    let least = |name: &str| match name {
        "memtide-actions" => 1,
        name if name.starts_with("web-cpu") || name.starts_with("virtio") => 3,
        _ => 2,
    };
    let threads = settled(&host, least);
    for thread in &threads {
        assert_eq!((thread.says("Seccomp"), thread.says("NoNewPrivs")), (2, 1), "{}", thread.name);
    }
    for name in [
        "memtide",
        "memtide-memory",
        "memtide-taker",
        "memtide-alarms",
        "memtide-actions",
        "api",
        "log",
        "web-cpu0",
    ] {
        assert!(threads.iter().any(|thread| thread.name == name), "there is no thread {name}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    // It does its work: what it is asked, and what it keeps.
    place.tell(&["set", "web", "--limit", "48MiB"]);
    place.tell(&["audit"]);
    place.tell(&["stop", "web", "--now"]);
}

#[test]
fn nobody_of_its_user_may_look_into_it() {
    const NOBODY: u32 = 65534;
    // The kernel gives files about such a process to root.
    if !geteuid().is_root() {
        let place = Place::new();
        let host = host(&place, "64MiB", &[]);
        assert_eq!(fs::metadata(format!("/proc/{}/environ", host.child.id())).unwrap().uid(), 0);
        return;
    }
    let owner = |mode: &str| {
        let place = Place::new();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let state = place.path().join("state").display().to_string();
        let mut command =
            place.memtide(&["host", "--machine-memory", "64MiB", "--state", &state, "--sandbox", mode]);
        command.uid(NOBODY).gid(NOBODY).stdout(Stdio::piped()).stderr(Stdio::piped());
        let host = match command.spawn() {
            Ok(child) => Running::new(child),
            // The program may lie where others may not go.
            Err(error) => {
                println!("skipped: no other user can run {:?}: {error}", command.get_program());
                return None;
            }
        };
        host.expect("the host is ready", SOON);
        assert!(!host.said().contains("as root"), "{}", host.said());
        Some(fs::metadata(format!("/proc/{}/environ", host.child.id())).unwrap().uid())
    };
    if let (Some(on), Some(off)) = (owner("on"), owner("off")) {
        assert_eq!((on, off), (0, NOBODY));
    }
}

#[test]
fn swap_files_and_guests_files_lie_where_the_host_was_told() {
    let place = Place::new();
    let [swap, guests] = ["swap-here", "guests"].map(|name| place.path().join(name));
    let elsewhere = place.path().join("elsewhere");
    for path in [&swap, &guests, &elsewhere] {
        fs::create_dir(path).unwrap();
    }
    let [swap, guests, elsewhere] = [swap, guests, elsewhere].map(|path| path.display().to_string());
    {
        let mut host = host(&place, "128MiB", &["--swap-directories", &swap]);
        create_idle(&place, "good", &["--swap-dir", &swap, "--start"]);
        create_idle(&place, "bad", &["--swap-dir", &elsewhere]);
        if host.said().contains("Landlock") {
            return println!("skipped: this kernel has no Landlock");
        }
        place.refused(
            &["start", "bad"],
            &["the host's sandbox keeps it from", &elsewhere, "swap-directories"],
        );
        place.tell(&["stop", "good", "--now"]);
        host.signal(Signal::TERM);
        host.end(SOON);
    }
    let host = host(&place, "128MiB", &["--swap-directories", &swap, "--guest-files", &guests]);
    place.refused(&["start", "good"], &["the host's sandbox keeps it from", "idle", "guest-files"]);
    let kernel = format!("{guests}/idle");
    fs::copy(place.path().join("idle"), &kernel).unwrap();
    place.tell(&["set", "good", "--kernel", &kernel]);
    place.tell(&["start", "good"]);
    drop(host);
}

#[test]
fn without_a_sandbox_there_is_none_and_a_vm_in_the_foreground_has_one() {
    let place = Place::new();
    {
        let host = host(&place, "64MiB", &["--sandbox", "off"]);
        for thread in threads(host.child.id()) {
            assert_eq!((thread.says("Seccomp"), thread.says("NoNewPrivs")), (0, 0), "{}", thread.name);
        }
    }
    let vm = place.idle("alone");
    let least = |name: &str| if name.starts_with("alone-") || name == "virtio" { 2 } else { 1 };
    let threads = settled(&vm, least);
    assert!(threads.iter().any(|thread| thread.name == "alone-cpu0"));
}

#[test]
fn who_runs_it_as_root_is_told() {
    if !geteuid().is_root() {
        return println!("skipped: this is not root");
    }
    let place = Place::new();
    let host = host(&place, "64MiB", &[]);
    host.expect("the host runs as root", SOON);
    let events = place.json(&["events"]);
    let told = |event: &serde_json::Value| {
        event["event"] == "host-exposed" && event["why"].as_str().unwrap().contains("as root")
    };
    assert!(events["items"].as_array().or(events.as_array()).unwrap().iter().any(told), "{events}");
}

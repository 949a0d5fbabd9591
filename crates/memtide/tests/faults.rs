//! System calls that fail: while a host starts, starts and stops VMs, keeps changes and ends, the n-th call of a kind that each of
//! its threads makes fails as Linux may have it fail, for one n after the other.
//!
//! Whatever fails, the host says so or goes on: it neither panics nor hangs, a VM that has nothing to do with it runs on, and
//! what was answered, and nothing that was refused, is there when the host is started again. `strace` makes the calls fail.
//!
//! A sample is part of every run. `MEMTIDE_FAULTS=all` takes every call, error and n until no thread makes so many calls, the first calls
//! first, for `MEMTIDE_FAULTS_MINUTES` at most; `MEMTIDE_FAULTS=write`, `write:EIO` and `write:EIO:3` take some of them.

mod strace;
mod support;

use rustix::process::Signal;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use strace::{AT_ONCE, Came, ask, can_trace, copy, each, executed, host_with, is_up, template, traced};
use support::{Place, Running, SOON, host};

/// Calls, and what they fail with.
const CALLS: [(&str, &[&str]); 39] = [
    ("openat", &["EMFILE", "EACCES", "EIO", "ENOMEM", "EINTR"]),
    ("read", &["EIO", "EINTR"]),
    ("write", &["ENOSPC", "EIO", "EFBIG", "EDQUOT", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("rename", &["EIO", "ENOSPC", "EROFS"]),
    ("unlink", &["EIO", "EROFS"]),
    ("mkdir", &["ENOSPC", "EACCES"]),
    ("statfs", &["EIO", "EINTR"]),
    ("fstatfs", &["EIO"]),
    ("statx", &["EIO", "ENOMEM", "EACCES"]),
    ("newfstatat", &["EIO"]),
    ("fallocate", &["ENOSPC", "EIO", "EINTR", "EFBIG"]),
    ("ftruncate", &["EFBIG", "EIO"]),
    ("preadv", &["EIO", "EINTR"]),
    ("getdents64", &["EIO"]),
    ("flock", &["EINTR", "ENOLCK"]),
    ("chmod", &["EPERM"]),
    ("fchmod", &["EPERM"]),
    ("fcntl", &["EMFILE"]),
    ("readlink", &["EIO"]),
    ("memfd_create", &["EMFILE", "ENOMEM"]),
    ("mmap", &["ENOMEM"]),
    ("mprotect", &["ENOMEM"]),
    ("madvise", &["ENOMEM", "EAGAIN"]),
    ("clone3", &["EAGAIN"]),
    ("clone", &["EAGAIN"]),
    ("setpriority", &["EPERM"]),
    ("seccomp", &["ENOMEM"]),
    ("landlock_create_ruleset", &["ENOMEM", "EMFILE"]),
    ("landlock_add_rule", &["ENOMEM"]),
    ("accept4", &["EMFILE", "ENFILE", "ECONNABORTED", "ENOMEM", "EINTR"]),
    ("recvfrom", &["EINTR"]),
    ("writev", &["EPIPE", "ENOBUFS", "EINTR"]),
    ("epoll_create1", &["EMFILE"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ("epoll_wait", &["EINTR"]),
    ("eventfd2", &["EMFILE"]),
    ("socketpair", &["EMFILE"]),
    ("socket", &["EMFILE"]),
];

/// Calls that fail for files only: what threads wake each other with is read and written, too, and cannot fail as files do.
const ON_FILES: [&str; 2] = ["read", "write"];

/// What of a place these calls fail for: the files of the state directory, and what guests boot.
const FILES: [&str; 17] = [
    "state/vms/kept.toml",
    "state/vms/kept.toml.new",
    "state/vms/kept.on",
    "state/vms/other.toml",
    "state/vms/other.toml.new",
    "state/vms/other.on",
    "state/alarms.toml",
    "state/alarms.toml.new",
    "state/alarm-rules.toml",
    "state/settings.toml",
    "state/settings.toml.new",
    "state/pools.toml",
    "state/pools.toml.new",
    "state/tokens.toml",
    "state/audit-log.jsonl",
    "counting",
    "idle",
];

/// One of each kind of call.
const SAMPLE: [Fault<'static>; 16] = [
    Fault::new("openat", "EMFILE", 9),
    Fault::new("openat", "EIO", 1),
    Fault::new("read", "EIO", 1),
    Fault::new("write", "ENOSPC", 1),
    Fault::new("write", "EINTR", 1),
    Fault::new("fsync", "EIO", 1),
    Fault::new("rename", "ENOSPC", 1),
    Fault::new("unlink", "EIO", 1),
    Fault::new("fallocate", "ENOSPC", 1),
    Fault::new("statx", "EIO", 5),
    Fault::new("mmap", "ENOMEM", 5),
    Fault::new("clone3", "EAGAIN", 3),
    Fault::new("clone", "EAGAIN", 2),
    Fault::new("accept4", "EMFILE", 2),
    Fault::new("recvfrom", "EINTR", 1),
    Fault::new("epoll_ctl", "ENOMEM", 2),
];

/// More calls of a kind than are looked at for any thread.
const MOST: u32 = 200;

/// The n-th call of a kind that a thread makes.
#[derive(Clone, Copy, Debug)]
struct Fault<'a> {
    call: &'a str,
    error: &'a str,
    number: u32,
}

impl<'a> Fault<'a> {
    const fn new(call: &'a str, error: &'a str, number: u32) -> Self {
        Self { call, error, number }
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.call, self.error, self.number)
    }
}

/// Something that can be changed, and where one sees what it is.
struct Change {
    verb: &'static [&'static str],
    look: &'static [&'static str],
    at: &'static str,
    old: u64,
    new: u64,
}

const CHANGES: [Change; 3] = [
    Change {
        verb: &["set", "kept", "--shares", "2000"],
        look: &["info", "kept"],
        at: "/shares",
        old: 1000,
        new: 2000,
    },
    Change {
        verb: &["pool", "set", "pool", "--shares", "3000"],
        look: &["pool", "ls"],
        at: "/0/shares",
        old: 1000,
        new: 3000,
    },
    Change {
        verb: &["settings", "Mem.IdleTax", "60"],
        look: &["settings", "Mem.IdleTax"],
        at: "/value",
        old: 50,
        new: 60,
    },
];

/// What a host does in its life, with a fault. `Ok(false)`: the fault did not come about.
fn live_through(fault: Fault<'_>, template: &Path) -> Result<bool, String> {
    let place = copy(template);
    let injected = (fault.call, format!("error={}:when={}", fault.error, fault.number));
    let mut running =
        host_with(&place, &[injected], if ON_FILES.contains(&fault.call) { &FILES } else { &[] });
    let mut came = BTreeMap::new();
    let lived = if is_up(&place, &mut running)? {
        work(&place, &mut came).and_then(|()| end(&mut running))
    } else {
        refuses_to_start(&mut running)
    };
    let said = running.said();
    if is_known(&said) {
        eprintln!("{fault}: a library ends the host");
    } else {
        lived.map_err(|why| format!("{why}\n{said}"))?;
        if said.contains("panicked") || said.contains("memory allocation of") {
            return Err(format!("it panics: {said}"));
        }
    }
    let fired = traced(&place, running.child.id())?.contains("(INJECTED)");
    comes_back(&place, &came)?;
    Ok(fired)
}

/// Whether a library ended the process, as docs/caveats.md says that it does: at its start, or where Linux refuses address space itself.
fn is_known(said: &str) -> bool {
    const AT_START: [&str; 2] = ["OS can't spawn worker thread", "failed to create UnixStream"];
    const ADDRESSES: [&str; 2] = ["allocate an alternative stack", "set up alternative stack guard page"];
    let is_ready = said.contains("the host is ready");
    ADDRESSES.iter().any(|known| said.contains(known))
        || (!is_ready && AT_START.iter().any(|known| said.contains(known)))
}

/// What it is asked; notes what came of it.
fn work(place: &Place, came: &mut BTreeMap<&'static str, Came>) -> Result<(), String> {
    let runs = settles(place)?;
    let image = place.path().join("idle");
    let create = ["create", "other", "--memory", "64MiB", "--kernel", image.to_str().unwrap()];
    came.insert("create", ask(place, &create)?.0);
    came.insert("start", ask(place, &["start", "other"])?.0);
    for change in &CHANGES {
        came.insert(change.at, ask(place, change.verb)?.0);
    }
    came.insert("stop", ask(place, &["stop", "other", "--now"])?.0);
    let (_, audit) = ask(place, &["audit"])?;
    if audit.contains("does not hold") {
        return Err(format!("an audit says: {audit}"));
    }
    if runs { goes_on(place) } else { Ok(()) }
}

/// Waits until the VM that starts with the host runs, or it is told why not.
fn settles(place: &Place) -> Result<bool, String> {
    let deadline = Instant::now() + SOON;
    while executed(place, "kept").is_none() {
        let (_, events) = ask(place, &["events"])?;
        if events.contains("autostart-failed") || events.contains("vm-ended") {
            return Ok(false);
        }
        if Instant::now() > deadline {
            return Err("a VM neither runs nor is it told why not".to_owned());
        }
    }
    Ok(true)
}

/// A VM that had nothing to do with it has its guest execute more and more.
fn goes_on(place: &Place) -> Result<(), String> {
    let deadline = Instant::now() + SOON;
    let mut first = None;
    loop {
        let now = executed(place, "kept");
        first = first.or(now);
        if now > first {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("a VM that had nothing to do with it does not go on: {first:?}, {now:?}"));
        }
    }
}

fn end(running: &mut Running) -> Result<(), String> {
    running.signal(Signal::TERM);
    let deadline = Instant::now() + SOON;
    loop {
        match running.child.try_wait().unwrap() {
            Some(status) if matches!(status.code(), Some(0 | 143)) => return Ok(()),
            Some(status) => return Err(format!("it ends with {status}")),
            None if Instant::now() > deadline => return Err("it does not end".to_owned()),
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A host that ends at its start says why, and what to do, and has not said that it is ready.
fn refuses_to_start(running: &mut Running) -> Result<(), String> {
    let status = running.end(SOON);
    // What it said last may still be on its way.
    let deadline = Instant::now() + Duration::from_secs(2);
    let is_said = |said: &str| said.contains("error: ") && said.contains("hint: ");
    // The program was not even loaded, which Linux' own loader tells.
    let is_not_loaded = |said: &str| {
        status.code() == Some(127)
            || said.contains("shared librar")
            || (said.is_empty() && status.code().is_none())
    };
    while Instant::now() < deadline && !is_said(&running.said()) && !is_not_loaded(&running.said()) {
        thread::sleep(Duration::from_millis(5));
    }
    let said = running.said();
    match () {
        () if is_not_loaded(&said) => Ok(()),
        () if said.contains("the host is ready") => Err(format!("it was ready and ends with {status}")),
        () if status.code() == Some(1) && is_said(&said) => Ok(()),
        () => Err(format!("it ends at its start with {status}")),
    }
}

/// Without the fault, the host comes back with what was answered, and without what was refused.
fn comes_back(place: &Place, came: &BTreeMap<&str, Came>) -> Result<(), String> {
    let _host = host(place, "192MiB", &["--resume"]);
    for change in &CHANGES {
        let shown = place.json(change.look);
        let value = shown.pointer(change.at).and_then(serde_json::Value::as_u64);
        let may: &[u64] = match came.get(change.at) {
            Some(Came::Done) => &[change.new],
            Some(Came::Unanswered) => &[change.old, change.new],
            Some(Came::Refused) | None => &[change.old],
        };
        if !value.is_some_and(|value| may.contains(&value)) {
            return Err(format!("{:?} shows {value:?} and not one of {may:?}", change.look));
        }
    }
    if came.get("create") == Some(&Came::Done) {
        let other = place.ask(&["info", "other", "-o", "json"]);
        let other: serde_json::Value = serde_json::from_slice(&other.stdout).unwrap_or_default();
        if other["wanted_on"].is_null() {
            return Err("a VM that was created is lost".to_owned());
        }
        if came.get("stop") == Some(&Came::Done) && other["wanted_on"] == true {
            return Err("a VM that was stopped is wanted on".to_owned());
        }
    }
    if !settles(place)? {
        return Err("a VM does not start again".to_owned());
    }
    place.tell(&["audit"]);
    Ok(())
}

/// What came of all faults of a kind of call and error.
struct Tried<'a> {
    next: Fault<'a>,
    count: u32,
}

/// Has faults come about, several at a time; gives how many did, and what is wrong.
fn every(kinds: Vec<Fault<'_>>, until: Option<Instant>, template: &Path) -> (u32, Vec<String>) {
    let queue: VecDeque<_> = kinds.into_iter().map(|next| Tried { next, count: 0 }).collect();
    let (queue, done) = (Mutex::new(queue), Mutex::new((0, Vec::new())));
    let work = || {
        loop {
            let Some(mut tried) = queue.lock().unwrap().pop_front() else { return };
            let fault = tried.next;
            if until.is_some_and(|until| Instant::now() > until) {
                eprintln!("{fault} and later ones: no time for them");
                continue;
            }
            let outcome = live_through(fault, template);
            let is_over = matches!(outcome, Ok(false)) || fault.number == MOST;
            if !matches!(outcome, Ok(false)) {
                tried.count += 1;
                done.lock().unwrap().0 += 1;
            }
            if let Err(why) = outcome {
                eprintln!("{fault}: {why}");
                done.lock().unwrap().1.push(format!("{fault}: {why}"));
            }
            if is_over {
                eprintln!("{}:{}: {} in turn", fault.call, fault.error, tried.count);
                continue;
            }
            tried.next.number += 1;
            queue.lock().unwrap().push_back(tried);
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    done.into_inner().unwrap()
}

/// The kinds that somebody asks for: of all calls, one call or one call and error.
fn kinds(asked: &str) -> Vec<Fault<'static>> {
    let all = CALLS.iter().flat_map(|(call, errors)| errors.iter().map(|error| Fault::new(call, error, 1)));
    let is_meant = |fault: &Fault<'_>| {
        let Fault { call, error, .. } = fault;
        asked == "all" || asked == *call || asked == format!("{call}:{error}")
    };
    all.filter(is_meant).collect()
}

#[test]
fn a_system_call_that_fails_harms_nobody_else() {
    if !can_trace() {
        return;
    }
    let template = template();
    let asked = std::env::var("MEMTIDE_FAULTS").unwrap_or_default();
    let failures = match asked.split(':').collect::<Vec<_>>()[..] {
        [""] => each(SAMPLE, |fault| live_through(*fault, template.path())),
        [call, error, number] => {
            let fault = Fault::new(call, error, number.parse().unwrap());
            each([fault], |fault| live_through(*fault, template.path()))
        }
        _ => {
            let minutes = std::env::var("MEMTIDE_FAULTS_MINUTES").ok();
            let until = minutes.map(|minutes| Instant::now() + Duration::from_mins(minutes.parse().unwrap()));
            let kinds = kinds(&asked);
            assert!(!kinds.is_empty(), "MEMTIDE_FAULTS={asked} is no call with an error that is known here");
            let (count, failures) = every(kinds, until, template.path());
            eprintln!("{count} faults, {} failures", failures.len());
            failures
        }
    };
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

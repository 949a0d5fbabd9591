//! A host that is killed at any instant (INV-12): at the n-th call with which one of its threads changes the state directory, for each n, also while the disk
//! takes nothing any more.
//!
//! Started again, each VM, and whether it is wanted on, is as it was or as it was asked to be, never a third thing; and what was answered is so.
//! `strace` kills it.
//!
//! A sample is part of every run; `MEMTIDE_KILLS=all` takes every call until no thread makes so many.

mod strace;
mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;
use strace::{AT_ONCE, Came, ask, can_trace, copy, each, host_with, is_up, template, traced};
use support::{Place, SOON, host};

/// Calls that change the state directory, and what in it each changes.
const CALLS: [(&str, &[&str]); 12] = [
    ("openat", &["state/vms/kept.toml.new"]),
    ("write", &["state/vms/kept.toml.new"]),
    ("fsync", &["state/vms/kept.toml.new"]),
    ("rename", &["state/vms/kept.toml.new"]),
    ("openat", &["state/vms/other.toml.new"]),
    ("write", &["state/vms/other.toml.new"]),
    ("fsync", &["state/vms/other.toml.new"]),
    ("rename", &["state/vms/other.toml.new"]),
    ("unlink", &["state/vms/other.toml"]),
    ("openat", &["state/vms/kept.on", "state/vms/other.on"]),
    ("unlink", &["state/vms/kept.on", "state/vms/other.on"]),
    ("fsync", &["state/vms"]),
];

/// Calls made on a disk that takes nothing, for these files.
const WHILE_FULL: [&str; 4] = ["openat", "fsync", "rename", "unlink"];
const FILES: [&str; 7] = [
    "state/vms",
    "state/vms/kept.toml",
    "state/vms/kept.toml.new",
    "state/vms/kept.on",
    "state/vms/other.toml",
    "state/vms/other.toml.new",
    "state/vms/other.on",
];

/// No thread makes more calls that are looked at.
const MOST: u32 = 60;

/// The n-th call of a kind that a thread makes for one of these files.
#[derive(Clone, Copy, Debug)]
struct Kill {
    call: &'static str,
    files: &'static [&'static str],
    number: u32,
    /// From which write of a thread on the disk is full, if it is.
    full_from: Option<u32>,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Kill {
    fn injected(self) -> Vec<(&'static str, String)> {
        let mut injected = vec![(self.call, format!("signal=KILL:when={}", self.number))];
        injected.extend(self.full_from.map(|from| ("write", format!("error=ENOSPC:when={from}+"))));
        injected
    }
}

/// What may be found of a VM: what it is asked to be, and whether it is wanted on. `None`: there is no such VM.
type Found = Option<(Value, bool)>;

/// What may be found of both VMs.
#[derive(Debug)]
struct May {
    kept: BTreeSet<String>,
    other: BTreeSet<String>,
}

/// One step of a host's life: what is asked, of which VM, and what that VM is then.
struct Step {
    verb: Vec<String>,
    is_other: bool,
    then: fn(Found) -> Found,
}

fn words(verb: &str) -> Vec<String> {
    verb.split(' ').map(str::to_owned).collect()
}

fn steps(place: &Place) -> Vec<Step> {
    let image = place.path().join("idle");
    let create = format!("create other --memory 64MiB --kernel {}", image.display());
    let step = |verb: &str, is_other, then| Step { verb: words(verb), is_other, then };
    vec![
        step(&create, true, |_| Some((Value::from("normal"), false))),
        step("start other", true, |was| was.map(|(shares, _)| (shares, true))),
        step("set kept --shares 2000", false, |was| was.map(|(_, on)| (Value::from(2000), on))),
        step("stop other --now", true, |was| was.map(|(shares, _)| (shares, false))),
        step("set kept --shares 3000", false, |was| was.map(|(_, on)| (Value::from(3000), on))),
        step("stop kept --now", false, |was| was.map(|(shares, _)| (shares, false))),
        step("rm other", true, |_| None),
        step("start kept", false, |was| was.map(|(shares, _)| (shares, true))),
    ]
}

fn shown(found: &Found) -> String {
    format!("{found:?}")
}

/// Has a host live until it is killed. `Ok(false)`: it was not.
fn killed_at(kill: Kill, template: &Path) -> Result<bool, String> {
    let place = copy(template);
    let mut running = host_with(&place, &kill.injected(), kill.files);
    let (mut kept, mut other): (Found, Found) = (Some((Value::from(1000), true)), None);
    let once = |found: &Found| BTreeSet::from([shown(found)]);
    let mut may = May { kept: once(&kept), other: once(&other) };
    if is_up(&place, &mut running)? {
        for step in steps(&place) {
            let verb: Vec<&str> = step.verb.iter().map(String::as_str).collect();
            let (came, _) = ask(&place, &verb)?;
            let (now, may) =
                if step.is_other { (&mut other, &mut may.other) } else { (&mut kept, &mut may.kept) };
            let then = (step.then)(now.clone());
            match came {
                // From now on it is nothing else.
                Came::Done => {
                    *now = then;
                    *may = once(now);
                }
                // Whoever follows an operation of a host that is gone says so in other words.
                Came::Refused if !is_gone(&place) => {}
                Came::Refused | Came::Unanswered => {
                    may.insert(shown(&then));
                    break;
                }
            }
        }
    }
    let was_killed = running.child.try_wait().unwrap().is_some() || is_gone(&place);
    if !was_killed {
        running.signal(Signal::KILL);
    }
    running.end(SOON);
    let trace = traced(&place, running.child.id())?;
    let is_hit = was_killed && trace.contains("killed by SIGKILL");
    is_as_may_be(&place, &may).map_err(|why| format!("{why}\n{}", running.said()))?;
    Ok(is_hit)
}

/// Whether nobody answers any more.
fn is_gone(place: &Place) -> bool {
    !place.ask(&["pool", "ls"]).status.success()
}

/// A host that is started again finds of each VM what may be found.
fn is_as_may_be(place: &Place, may: &May) -> Result<(), String> {
    let _host = host(place, "192MiB", &["--resume"]);
    let deadline = Instant::now() + SOON;
    for (name, may) in [("kept", &may.kept), ("other", &may.other)] {
        let vm = place.ask(&["info", name, "-o", "json"]);
        let vm: Option<Value> = serde_json::from_slice(&vm.stdout).ok();
        let found = vm.as_ref().map(|vm| (vm["shares"].clone(), vm["wanted_on"] == true));
        if !may.contains(&shown(&found)) {
            return Err(format!("VM {name} is {found:?}, and may be {may:?}"));
        }
        let Some(vm) = vm else { continue };
        if vm["power"] == "unreadable" || vm["memory_bytes"] != 64 << 20 {
            return Err(format!("VM {name} is a third thing: {vm}"));
        }
        let is_wanted = vm["wanted_on"] == true;
        while is_wanted && strace::executed(place, name).is_none() {
            if Instant::now() > deadline {
                return Err(format!("VM {name} is wanted on and does not run"));
            }
        }
    }
    // What was begun and never finished is nobody's, and is replaced.
    place.tell(&["set", "kept", "--shares", "4000"]);
    place.tell(&["audit"]);
    Ok(())
}

/// All kills there are, each kind until one does not come about.
fn every(template: &Path) -> (u32, Vec<String>) {
    let full = [1, 2].into_iter().flat_map(|from| WHILE_FULL.map(|call| (call, Some(from))));
    let full = full.map(|(call, full_from)| Kill { call, files: &FILES, number: 1, full_from });
    let kinds: Vec<Kill> = first_of_each().chain(full).collect();
    let (kinds, done) = (Mutex::new(kinds.into_iter()), Mutex::new((0, Vec::new())));
    let work = || {
        loop {
            let Some(mut kill) = kinds.lock().unwrap().next() else { return };
            while kill.number <= MOST {
                match killed_at(kill, template) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(why) => {
                        eprintln!("{kill:?}: {why}");
                        done.lock().unwrap().1.push(format!("{kill:?}: {why}"));
                    }
                }
                done.lock().unwrap().0 += 1;
                kill.number += 1;
            }
            let Kill { call, files, full_from, number } = kill;
            eprintln!("{call} of {}, full from {full_from:?}: {} in turn", files[0], number - 1);
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    done.into_inner().unwrap()
}

fn first_of_each() -> impl Iterator<Item = Kill> {
    CALLS.iter().map(|&(call, files)| Kill { call, files, number: 1, full_from: None })
}

/// The first of each kind, and one on a full disk, each of which must come about.
fn sample(template: &Path) -> Vec<String> {
    let full = Kill { call: "unlink", files: &FILES, number: 2, full_from: Some(1) };
    each(first_of_each().chain([full]), |kill| killed_at(*kill, template))
}

#[test]
fn whenever_a_host_is_killed_each_vm_is_as_before_or_as_asked() {
    if !can_trace() {
        return;
    }
    let template = template();
    let failures = if std::env::var("MEMTIDE_KILLS").is_ok_and(|asked| asked == "all") {
        let (count, failures) = every(template.path());
        eprintln!("{count} kills, {} failures", failures.len());
        failures
    } else {
        sample(template.path())
    };
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

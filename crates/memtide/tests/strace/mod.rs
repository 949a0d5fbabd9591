//! A host under `strace`, which has some of its system calls fail, or kills it at one.
//!
//! **Model.** `strace` counts calls of each name for each thread, so what happens at the n-th call happens once in each thread that makes so many.

#![allow(dead_code, reason = "each test program uses its part")]

use crate::support::{Place, Running, SOON, host, text};
use kernels::skipped;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Display;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Hosts that are tried at once.
pub(crate) const AT_ONCE: usize = 4;

/// Tries each of these, which must come about; what went wrong.
pub(crate) fn each<T: Display + Send>(
    trials: impl IntoIterator<Item = T>,
    live_through: impl Fn(&T) -> Result<bool, String> + Sync,
) -> Vec<String> {
    let trials: Vec<T> = trials.into_iter().collect();
    let (queue, failures) = (Mutex::new(trials.into_iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(trial) = queue.lock().unwrap().next() else { return };
            match live_through(&trial) {
                Ok(true) => {}
                Ok(false) => failures.lock().unwrap().push(format!("{trial} does not come about")),
                Err(why) => failures.lock().unwrap().push(format!("{trial}: {why}")),
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    failures.into_inner().unwrap()
}

/// Whether this machine lets a process be traced.
pub(crate) fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if traced.is_ok_and(|output| output.status.success()) {
        return true;
    }
    skipped("strace is not installed, or may not trace");
    false
}

/// Starts a host of 192 MiB in `place` that starts its VMs again. At these calls something is done, if they are for one of these files, or for
/// any if there are none; what they did is in the file `trace`.
pub(crate) fn host_with(place: &Place, injected: &[(&str, String)], files: &[&str]) -> Running {
    let memtide = place.memtide(&["host", "--machine-memory", "192MiB", "--resume", "--state"]);
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-q", "-o", "trace"]);
    if !injected.iter().any(|(_, what)| what.starts_with("signal")) {
        // Only what is traced costs time then, and strace forgets signals.
        command.arg("--seccomp-bpf");
    }
    let calls: Vec<&str> = injected.iter().map(|(call, _)| *call).collect();
    command.args(["-e", &format!("trace={}", calls.join(","))]);
    for (call, what) in injected {
        command.args(["-e", &format!("inject={call}:{what}")]);
    }
    for file in files {
        command.arg("-P").arg(place.path().join(file));
    }
    command.arg(memtide.get_program()).args(memtide.get_args()).arg(place.path().join("state"));
    for (name, value) in memtide.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(place.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::new(command.spawn().unwrap())
}

/// What calls of a host that has ended did. Its tracer ends soon behind it.
pub(crate) fn traced(place: &Place, pid: u32) -> Result<String, String> {
    let deadline = Instant::now() + SOON;
    loop {
        let trace = text(&std::fs::read(place.path().join("trace")).unwrap_or_default());
        let is_end = |line: &str| line.starts_with(&format!("{pid} ")) && line.contains("+++");
        if trace.lines().any(is_end) {
            return Ok(trace);
        }
        if Instant::now() > deadline {
            return Err(format!("its tracer does not end: {trace}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a verb came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    /// The host says that it is done.
    Done,
    /// The host says why not, and what to do.
    Refused,
    /// Nobody answers, or no longer.
    Unanswered,
}

/// Asks something of a host that may refuse it, but must answer as long as it is there.
pub(crate) fn ask(place: &Place, args: &[&str]) -> Result<(Came, String), String> {
    const UNREACHABLE: i32 = 4;
    // Its message says what there is too little of, and what to do.
    const LACKS: i32 = 5;
    // It may be done all the same.
    const BROKEN_OFF: &str = "the host broke off";
    let verb = place.memtide(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&verb);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(verb.wait_with_output().unwrap()));
    let Ok(output) = told.recv_timeout(SOON) else {
        let _ = kill_process(pid, Signal::KILL);
        return Err(format!("{args:?} hangs"));
    };
    let said = text(&output.stdout) + &text(&output.stderr);
    if output.status.success() {
        return Ok((Came::Done, said));
    }
    let code = output.status.code();
    if !said.contains("error: ") || !(said.contains("hint: ") || code == Some(LACKS)) {
        return Err(format!("{args:?} ends with {}: {said}", output.status));
    }
    let is_gone = code == Some(UNREACHABLE) || said.contains(BROKEN_OFF);
    Ok((if is_gone { Came::Unanswered } else { Came::Refused }, said))
}

/// Waits until a host can be asked; `false` if it has ended instead.
pub(crate) fn is_up(place: &Place, running: &mut Running) -> Result<bool, String> {
    let deadline = Instant::now() + SOON;
    loop {
        if place.ask(&["pool", "ls"]).status.success() {
            return Ok(true);
        }
        if running.child.try_wait().unwrap().is_some() {
            return Ok(false);
        }
        if Instant::now() > deadline {
            return Err(format!("it neither starts nor ends: {}", running.said()));
        }
    }
}

/// How many instructions a VM has executed in this run; `None` if it does not run.
pub(crate) fn executed(place: &Place, vm: &str) -> Option<u64> {
    let stats = place.ask(&["stats", vm, "-o", "json"]);
    let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).ok()?;
    stats["total"]["instructions"].as_u64()
}

/// A state directory with what a host may have, one VM of it running.
pub(crate) fn template() -> Place {
    let place = Place::new();
    let mut running = host(&place, "192MiB", &[]);
    for (name, kernel) in [("counting", kernels::counting()), ("idle", kernels::waiting())] {
        place.file(name, &kernel);
    }
    let kernel = place.path().join("counting");
    let kernel = kernel.to_str().unwrap();
    place.tell(&["create", "kept", "--memory", "64MiB", "--kernel", kernel, "--shares", "1000", "--start"]);
    place.tell(&["pool", "create", "pool", "--shares", "1000"]);
    place.tell(&["settings", "Mem.IdleTax", "50"]);
    place.tell(&["token", "create", "me"]);
    place.tell(&["alarms", "rules", "set", "host-memory-short", "--enabled", "no"]);
    running.signal(Signal::TERM);
    running.end(SOON);
    place
}

/// Copies a template, whose VM then boots the copy.
pub(crate) fn copy(template: &Path) -> Place {
    let place = Place::new();
    let status = Command::new("cp").arg("-a").arg(template.join(".")).arg(place.path()).status().unwrap();
    assert!(status.success());
    let file = place.path().join("state/vms/kept.toml");
    let kept = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, kept.replace(template.to_str().unwrap(), place.path().to_str().unwrap())).unwrap();
    place
}

//! `agent`: do what the host asks, as QEMU's guest agent would.
//!
//! The host asks in JSON, a request a line, over the virtio port of that agent's name. Of its requests these are known:
//! the synchronizations, `guest-ping`, `guest-info` and `guest-shutdown`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::Failure;

const PORT_NAME: &str = "org.qemu.guest_agent.0";
const PORTS: &str = "/sys/class/virtio-ports";

/// How long the kernel may take to learn the names of its ports.
const PORT_APPEARS_WITHIN: Duration = Duration::from_secs(1);
/// How long programs may take to end.
const PROGRAMS_END_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request, at most.
const LONGEST_REQUEST: u64 = 4096;

/// Comes before a request after which what was read before is void, and before its answer.
const MARK: u8 = 0xff;

/// Answer until the host shuts the guest down. Returns at once where there is no port for it.
pub(crate) fn run() -> Result<(), Failure> {
    let Some(port) = find() else { return Ok(()) };
    let mut port = BufReader::new(File::options().read(true).write(true).open(port)?);
    loop {
        let mut line = Vec::new();
        if port.by_ref().take(LONGEST_REQUEST).read_until(b'\n', &mut line)? == 0 {
            // Nobody is at the other end.
            thread::sleep(Duration::from_secs(1));
        }
        let request = line.rsplit(|&byte| byte == MARK).next().unwrap_or_default();
        if let Ok(request) = serde_json::from_slice(request) {
            let answer = answer(&request)?;
            port.get_mut().write_all(&answer)?;
        }
    }
}

/// The device of the port, if there is one.
fn find() -> Option<PathBuf> {
    const PAUSE: Duration = Duration::from_millis(50);
    (0..PORT_APPEARS_WITHIN.as_millis() / PAUSE.as_millis()).find_map(|round| {
        if round > 0 {
            thread::sleep(PAUSE);
        }
        let named =
            |path: &PathBuf| fs::read_to_string(path.join("name")).is_ok_and(|name| name.trim() == PORT_NAME);
        let found = fs::read_dir(PORTS).ok()?.flatten().map(|port| port.path()).find(named)?;
        Some(Path::new("/dev").join(found.file_name()?))
    })
}

fn answer(request: &Value) -> Result<Vec<u8>, Failure> {
    let number = &request["arguments"]["id"];
    let (mark, answer) = match request["execute"].as_str().unwrap_or_default() {
        "guest-sync-delimited" => (true, json!({ "return": number })),
        "guest-sync" => (false, json!({ "return": number })),
        "guest-ping" => (false, json!({ "return": {} })),
        "guest-info" => {
            (false, json!({ "return": { "version": env!("CARGO_PKG_VERSION"), "supported_commands": [] } }))
        }
        "guest-shutdown" => shut_down(&request["arguments"]["mode"])?,
        other => {
            let words = format!("The command {other} has not been found");
            (false, json!({ "error": { "class": "CommandNotFound", "desc": words } }))
        }
    };
    let mark = mark.then_some(MARK);
    Ok(mark.into_iter().chain(format!("{answer}\n").into_bytes()).collect())
}

/// Let all programs end, and power off. An answer is given only to what cannot be done.
fn shut_down(mode: &Value) -> Result<(bool, Value), Failure> {
    if !matches!(mode.as_str(), None | Some("powerdown")) {
        let words = format!("This guest can power down, and not {mode}");
        return Ok((false, json!({ "error": { "class": "GenericError", "desc": words } })));
    }
    println!("memtide: shutting down");
    // Who will not hear the first, as an interactive shell, hears the second.
    let deaf = deaf_to_sigterm();
    signal(ALL, libc::SIGTERM);
    for process in deaf {
        signal(process, libc::SIGHUP);
    }
    // With the commands it ran, or the shell, the first process ends: by powering off.
    thread::sleep(PROGRAMS_END_WITHIN);
    signal(ALL, libc::SIGKILL);
    // SAFETY: neither has conditions on memory.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_POWER_OFF);
    }
    Err(std::io::Error::last_os_error().into())
}

/// Processes that ignore SIGTERM.
fn deaf_to_sigterm() -> Vec<libc::pid_t> {
    let ignores = |status: &str| {
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        ignored
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .is_some_and(|mask| mask >> (libc::SIGTERM - 1) & 1 != 0)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&process| process != 1)
        .filter(|process| {
            fs::read_to_string(format!("/proc/{process}/status")).is_ok_and(|status| ignores(&status))
        })
        .collect()
}

/// All processes but this one and the first.
const ALL: libc::pid_t = -1;

fn signal(process: libc::pid_t, signal: libc::c_int) {
    // SAFETY: a signal to others has no conditions on memory.
    unsafe { libc::kill(process, signal) };
}

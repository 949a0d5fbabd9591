//! Limits that Linux sets on the process: what reaches one is refused, and all else goes on.

mod support;

use kernels::skipped;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use support::{Place, Running, SOON, create_idle, host, text};

/// Starts a host under limits set by the shell, which may not be ready.
fn limited(place: &Place, limits: &str, more: &[&str]) -> Running {
    let state = place.path().join("state");
    let args = ["host", "--machine-memory", "128MiB", "--state", state.to_str().unwrap()];
    let host = place.memtide(&[&args, more].concat());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
        .arg(host.get_program())
        .args(host.get_args());
    for (name, value) in host.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Running::new(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn a_limit_that_leaves_no_room_is_refused_at_once_with_its_name() {
    let place = Place::new();
    for (limit, parts) in [
        ("ulimit -f 1000", ["the size of its files (ulimit -f)", "needs 128 MiB"]),
        ("ulimit -v 500000", ["its address space (ulimit -v)", "raise the limit"]),
        ("ulimit -d 50000", ["its data (ulimit -d)", "less machine memory"]),
    ] {
        let mut host = limited(&place, limit, &[]);
        assert_eq!(host.end(SOON).code(), Some(1), "{limit}: {}", host.said());
        for part in parts {
            host.expect(part, SOON);
        }
    }
}

#[test]
fn a_file_that_may_not_grow_so_large_is_a_vm_that_is_not_started() {
    let place = Place::new();
    // Blocks of 512 bytes: enough for machine memory, not for the larger VM's swap file.
    let _host = limited(&place, "ulimit -f 300000", &[]);
    place.wait_for_host();
    create_idle(&place, "small", &[]);
    create_idle(&place, "large", &[]);
    place.tell(&["set", "large", "--memory", "256MiB"]);
    place.tell(&["start", "small"]);
    let output = place.ask(&["start", "large"]);
    assert!(!output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("File too large"), "{}", text(&output.stderr));
    assert!(place.tell(&["ls"]).contains("running"), "the host and its other VM go on");
}

#[test]
fn clients_over_tcp_leave_handles_to_the_host_and_its_administrators() {
    let place = Place::new();
    let host = limited(&place, "ulimit -n 48", &["--listen", "0"]);
    host.expect("listening at http://", SOON);
    let said = host.said();
    let address = said.split("listening at http://").nth(1).unwrap().split_whitespace().next().unwrap();
    create_idle(&place, "web", &[]);
    // Each keeps its connection and never ends its request. Those for which there is no room are closed.
    let open: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
            stream
        })
        .collect();
    place.tell(&["start", "web"]);
    assert!(place.tell(&["ls"]).contains("running"));
    place.tell(&["stop", "web", "--now"]);
    drop(open);
    assert!(host.said().contains("the host is ready"));
}

/// Has files of a host that runs grow no longer than so; `false`, and a word about it, if this user may not.
fn limit_files(host: &Running, bytes: Option<u64>) -> bool {
    let limit = Rlimit { current: bytes, maximum: None };
    let set = prlimit(Some(Pid::from_child(&host.child)), Resource::Fsize, limit);
    set.inspect_err(|error| skipped(&format!("a process that is running cannot be limited: {error}"))).is_ok()
}

#[test]
fn a_write_that_is_cut_off_in_the_middle_leaves_the_file_as_it_was() {
    let place = Place::new();
    let mut running = host(&place, "128MiB", &["--resume"]);
    create_idle(&place, "web", &["--shares", "1000", "--start"]);
    let file = place.path().join("state/vms/web.toml");
    let before = std::fs::read(&file).unwrap();
    // The first write moves a hundred bytes and the next one fails, as on a disk that gets full.
    if !limit_files(&running, Some(100)) {
        return;
    }
    place.refused(&["set", "web", "--shares", "2000"], &["cannot write", "web.toml", "File too large"]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert!(!file.with_extension("toml.new").exists(), "what was begun is removed");
    assert_eq!(place.json(&["info", "web"])["shares"], 1000);
    // To be on, or not, takes no room.
    place.tell(&["stop", "web", "--now"]);
    assert!(limit_files(&running, None));
    place.tell(&["set", "web", "--shares", "2000"]);
    running.signal(Signal::KILL);
    running.end(SOON);
    let _host = host(&place, "128MiB", &["--resume"]);
    let vm = place.json(&["info", "web"]);
    assert_eq!((&vm["shares"], &vm["wanted_on"]), (&2000.into(), &false.into()));
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", text(&output.stderr).trim())) }
}

/// A directory that nobody may write to, as long as this is there; files that are open stay so.
struct ReadOnly(String);

impl ReadOnly {
    fn make(directory: &Path) -> Option<Self> {
        let at = directory.display().to_string();
        let mounted = run("mount", &["--bind", &at, &at]);
        mounted.inspect_err(|error| skipped(&format!("nothing can be mounted: {error}"))).ok()?;
        let mounted = Self(at);
        run("mount", &["-o", "remount,bind,ro", &mounted.0]).unwrap();
        Some(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = run("umount", &["--lazy", &self.0]);
    }
}

#[test]
fn on_a_state_directory_that_is_read_only_vms_go_on_and_what_was_done_is_written_later() {
    let place = Place::new();
    let state = place.path().join("state");
    let mut running = host(&place, "192MiB", &["--resume"]);
    for vm in ["web", "db"] {
        create_idle(&place, vm, &["--start"]);
    }
    let Some(read_only) = ReadOnly::make(&state) else { return };
    let change = ["set", "web", "--shares", "2000"];
    let parts = ["cannot write", "Read-only file system", "let the host write"];
    place.refused(&change, &parts);
    place.refused(&["create", "new", "--memory", "64MiB", "--kernel", "/k"], &parts[1..]);
    place.tell(&["stop", "db", "--now"]);
    let unwritten = || place.json(&["info", "db"])["unwritten"].as_str().map(str::to_owned);
    assert!(unwritten().is_some_and(|why| why.contains("Read-only")), "{:?}", unwritten());
    assert_eq!(place.json(&["info", "web"])["power"], "running");
    drop(read_only);
    let deadline = Instant::now() + SOON;
    while unwritten().is_some() {
        assert!(Instant::now() < deadline, "it is never written");
    }
    assert!(state.join("vms/web.on").exists() && !state.join("vms/db.on").exists());
    running.signal(Signal::TERM);
    running.end(SOON);
    // A host that starts there has what can be read.
    let read_only = ReadOnly::make(&state);
    let swap = place.path().join("swap");
    let _host = host(&place, "192MiB", &["--swap", swap.to_str().unwrap()]);
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 2);
    place.refused(&change, &parts);
    drop(read_only);
    place.tell(&change);
}

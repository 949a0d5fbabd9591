//! The demonstration, as somebody runs it who wants to look around afterwards.

mod support;

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Place, Running, SOON, guest};
use tempfile::TempDir;

/// Six boots on a busy machine.
const SHOWN: Duration = Duration::from_mins(5);

#[test]
fn a_demo_that_is_kept_can_be_asked_and_ends_without_a_trace() {
    let Some([image, _]) = guest() else { return };
    let place = Place::new();
    // On disk, as six swap files will be there.
    let state = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    symlink(Path::new(&image).canonicalize().unwrap().parent().unwrap(), state.path().join("guest")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/demo");
    // Somebody who runs this in the background may have had Ctrl-C ignored.
    let mut command = Command::new("env");
    command.arg("--default-signal=INT").arg(script).args(["--keep", "--seconds", "1"]);
    command.env("MEMTIDE", env!("CARGO_BIN_EXE_memtide")).env("MEMTIDE_STATE", state.path());
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Demo(Running::new(command.spawn().unwrap()));
    let group = Pid::from_child(&demo.0.child);
    let demo = &mut demo.0;
    demo.expect("The host goes on", SHOWN);
    demo.expect(" top\n", SOON);

    let said = demo.said();
    let socket = said.split("export MEMTIDE_HOST=").nth(1).unwrap().lines().next().unwrap();
    let page = said.split("In a browser: ").nth(1).unwrap().lines().next().unwrap();
    let (address, token) = page.split_once("/#token=").unwrap();
    for way in [vec!["--host", socket], vec!["--host", address, "--token", token]] {
        let listed = place.json(&[way, vec!["ls"]].concat());
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), 6, "{listed:?}");
        assert!(listed.iter().all(|vm| vm["power"] == "running"), "{listed:?}");
    }

    // As a terminal does at Ctrl-C.
    kill_process_group(group, Signal::INT).unwrap();
    assert_eq!(demo.end(SOON).code(), Some(0), "{}", demo.said());
    for vm in ["idle1", "idle2", "busy1", "busy2", "growing", "forking"] {
        demo.expect(&format!("{vm} has ended"), SOON);
    }
    demo.expect("the host has ended", SOON);
    let left = processes_that_name(state.path());
    assert!(left.is_empty(), "{left:?}");
    let left: Vec<_> = state.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "guest" || name == "demo-map.svg"), "{left:?}");
}

/// Ended in order if the test fails before it does: the host is a process of its own.
struct Demo(Running);

impl Drop for Demo {
    fn drop(&mut self) {
        let deadline = Instant::now() + SOON;
        if matches!(self.0.child.try_wait(), Ok(None)) {
            self.0.signal(Signal::TERM);
        }
        while matches!(self.0.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn processes_that_name(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let lines = Path::new("/proc").read_dir().unwrap().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(path)).collect()
}

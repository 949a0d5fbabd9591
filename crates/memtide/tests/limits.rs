//! A host within a memory limit of Linux's: a control group, of version 1 or 2. Needs the right to make one.

mod support;

use serde_json::Value;
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::{Place, Running, SOON, guest, text};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// A memory control group.
struct Group {
    path: PathBuf,
    /// Names of its files: for the limit, and for what happened at it.
    limit: &'static str,
    events: &'static str,
}

impl Group {
    /// A new one; `None`, and said so, where none can be made.
    fn new(name: &str, limit: u64) -> Option<Self> {
        let versions = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"),
            ("/sys/fs/cgroup", "memory.max", "memory.events"),
        ];
        for (root, file, events) in versions {
            let path = Path::new(root).join(format!("memtide-{name}-{}", std::process::id()));
            // Version 2 has limits where the group above hands them on.
            let _ = fs::write(Path::new(root).join("cgroup.subtree_control"), "+memory");
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Self { path, limit: file, events };
            if fs::write(group.path.join(file), limit.to_string()).is_ok() {
                return Some(group);
            }
        }
        eprintln!("skipped: no memory control group can be made here; run this as root");
        None
    }

    fn set(&self, limit: u64) {
        fs::write(self.path.join(self.limit), limit.to_string()).unwrap();
    }

    /// How often Linux ended a process in it for want of memory.
    fn kills(&self) -> u64 {
        let text = fs::read_to_string(self.path.join(self.events)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.map_or(0, |line| line.trim().parse().unwrap())
    }

    /// The program in the group.
    fn memtide(&self, place: &Place, args: &[&str]) -> Command {
        let program = place.memtide(args);
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.path.join("cgroup.procs"));
        command.arg(program.get_program()).args(program.get_args()).stdin(Stdio::null());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn host(&self, place: &Place, state: &Path, memory: &str) -> Running {
        let args = ["host", "--machine-memory", memory, "--state", state.to_str().unwrap()];
        let mut command = self.memtide(place, &args);
        let host = Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        host.expect("the host is ready", SOON);
        host
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever was in it may take a moment to be gone.
        let deadline = Instant::now() + SOON;
        while fs::remove_dir(&self.path).is_err() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[track_caller]
fn wait_for(what: &str, within: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}, in vain");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_host_is_sized_by_its_control_group_and_follows_it() {
    let Some(group) = Group::new("sized", 300 * MIB) else { return };
    let place = Place::new();
    let output = group.memtide(&place, &["host", "--check-config"]).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("machine memory: 150 MiB of 300 MiB that the control group '"), "{said}");
    for more in [&["--check-config"][..], &[]] {
        let args = [&["host", "--machine-memory", "512MiB"], more].concat();
        let refused = group.memtide(&place, &args).output().unwrap();
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && said.contains("its limit is 300 MiB"), "{said}");
        assert!(said.contains("control group '") && said.contains("\nhint: "), "{said}");
    }

    let host = group.host(&place, &place.path().join("state"), "160MiB");
    let lacks = || place.json(&["top", "--batch", "--count", "1"])["memory_limit"]["lacks_bytes"].as_u64();
    let told = |event: &str| {
        let events = place.json(&["events"]);
        events.as_array().unwrap().iter().any(|one| one["event"] == event)
    };
    assert_eq!(lacks(), None);
    group.set(120 * MIB);
    wait_for("a lower limit is told of", SOON, || told("memory-limit-low"));
    wait_for("it is in the status", SOON, || lacks().is_some_and(|lacks| lacks > 40 * MIB));
    wait_for("an alarm is raised", SOON, || {
        let alarms = place.json(&["alarms", "ls"]);
        alarms.as_array().unwrap().iter().any(|alarm| alarm["rule"] == "host-memory-limit")
    });
    group.set(300 * MIB);
    wait_for("that it fits again is told of", SOON, || told("memory-limit-fits") && lacks().is_none());
    drop(host);
    assert_eq!(group.kills(), 0);
}

/// What a process has in memory.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10)
}

/// Guests that boot at once, on a machine that has as many processors as it has.
const BOOTED: Duration = Duration::from_mins(6);
/// How long they then touch more memory than there is.
const TOUCHING: Duration = Duration::from_secs(15);

#[test]
fn guests_that_want_three_times_the_memory_stay_within_it_in_a_control_group_that_is_hardly_larger() {
    const MEMORY: u64 = 512 * MIB;
    let Some([kernel, initrd]) = guest() else { return };
    let Some(group) = Group::new("storm", MEMORY + MEMORY / 50) else { return };
    let place = Place::new();
    // On a disk, as swap files in memory would be the group's.
    let state = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut host = group.host(&place, state.path(), "512MiB");
    let names = ["a", "b", "c", "d", "e", "f"];
    let append = "console=ttyS0 quiet no4lvl cryptomgr.notests memtide.run=\"mt touch 120 1000\"";
    for name in names {
        let files = ["--kernel", &kernel, "--initrd", &initrd, "--append", append];
        place.tell(&[&["create", name, "--memory", "256MiB", "--cpus", "2"], &files[..]].concat());
    }
    let pid = host.child.id();
    let most = Cell::new(0);
    let look = |host: &mut Running| {
        assert!(host.child.try_wait().unwrap().is_none(), "the host ended: {}", host.said());
        let now = resident(pid);
        most.set(now.max(most.get()));
        assert!(now <= MEMORY, "{now} of {MEMORY} bytes are in memory");
    };
    thread::scope(|scope| {
        for name in names {
            scope.spawn(|| place.tell(&["start", name]));
        }
        let deadline = Instant::now() + BOOTED;
        let touches = |status: &Value| {
            let vms = status["vms"].as_array().unwrap();
            vms.len() == names.len()
                && vms.iter().all(|vm| vm["totals"]["first_written_bytes"].as_u64() > Some(130 * MIB))
        };
        let status = || place.json(&["top", "--batch", "--count", "1"]);
        while !touches(&status()) {
            assert!(Instant::now() < deadline, "the guests are not that far: {:#}", status());
            for _ in 0..20 {
                look(&mut host);
                thread::sleep(Duration::from_millis(50));
            }
        }
        let end = Instant::now() + TOUCHING;
        while Instant::now() < end {
            look(&mut host);
            thread::sleep(Duration::from_millis(50));
        }
        let ledger = &status()["ledger"];
        eprintln!("at most {} MiB in memory; {ledger}", most.get() / MIB);
    });
    place.tell(&["audit"]);
    assert_eq!(group.kills(), 0);
}

//! Runs the program under test: small kernels of a few instructions, a directory for its sockets, its output.

#![allow(dead_code, reason = "each test file uses its part of this")]

pub(crate) mod terminal;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take that does not boot a real guest.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Where the sockets of a test's VMs are, and its files.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("the host has room for a directory"))
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program, its sockets and configuration kept apart from everyone's.
    pub(crate) fn memtide(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
        command.args(args).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        for variable in ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"] {
            command.env(variable, self.path());
        }
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM", "MEMTIDE_LOG"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        self.memtide(args).output().unwrap()
    }

    /// Runs a verb that must succeed, and gives what it prints.
    #[track_caller]
    pub(crate) fn tell(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {out}{err}");
        out
    }

    /// Runs a verb that must print JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let out = self.tell(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"))
    }

    /// Runs a verb that must fail with an error that says all of `parts`, hint and all.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str], parts: &[&str]) {
        let output = self.ask(args);
        let err = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 3)), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains("\nhint: "), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        for part in parts {
            assert!(err.contains(part), "{args:?} does not say '{part}': {err}");
        }
    }

    /// Starts a VM in the background.
    pub(crate) fn run(&self, args: &[&str]) -> Running {
        let mut command = self.memtide(&[&["run"], args].concat());
        Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Starts a VM that does nothing for ever, and waits until it answers.
    pub(crate) fn idle(&self, name: &str) -> Running {
        let kernel = self.file("idle", &kernels::waiting());
        let running = self.run(&["--kernel", kernel.to_str().unwrap(), "--memory", "64MiB", "--name", name]);
        self.wait_until_there(name);
        running
    }

    /// Waits until a host answers.
    #[track_caller]
    pub(crate) fn wait_for_host(&self) {
        let deadline = Instant::now() + SOON;
        while !self.ask(&["pool", "ls"]).status.success() {
            assert!(Instant::now() < deadline, "no host answers");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub(crate) fn wait_until_there(&self, name: &str) {
        let deadline = Instant::now() + SOON;
        while !self.ask(&["info", name]).status.success() {
            assert!(Instant::now() < deadline, "{name} does not answer");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A `memtide run`, killed if the test ends before it does.
pub(crate) struct Running {
    pub(crate) child: Child,
    said: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn new(mut child: Child) -> Self {
        let said = Arc::new(Mutex::new(String::new()));
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            collect(out, Arc::clone(&said));
            collect(err, Arc::clone(&said));
        }
        Self { child, said }
    }

    /// Collects what comes out of a terminal.
    pub(crate) fn on(child: Child, terminal: File) -> Self {
        let said = Arc::new(Mutex::new(String::new()));
        collect(terminal, Arc::clone(&said));
        Self { child, said }
    }

    /// All output and messages so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said `what`.
    #[track_caller]
    pub(crate) fn expect(&self, what: &str, within: Duration) {
        let deadline = Instant::now() + within;
        while !self.said().contains(what) {
            assert!(Instant::now() < deadline, "'{what}' was not said within {within:?}: {}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end within {within:?}: {}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a host, and waits until it is ready.
pub(crate) fn host(place: &Place, memory: &str, more: &[&str]) -> Running {
    let state = place.path().join("state");
    let args = ["host", "--machine-memory", memory, "--state", state.to_str().unwrap()];
    let mut command = place.memtide(&[&args, more].concat());
    let host = Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    host.expect("the host is ready", SOON);
    host
}

/// Creates a VM on a host that does nothing for ever.
pub(crate) fn create_idle(place: &Place, name: &str, more: &[&str]) {
    let image = place.file("idle", &kernels::waiting());
    let args = ["create", name, "--memory", "64MiB", "--kernel", image.to_str().unwrap()];
    place.tell(&[&args, more].concat());
}

fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
}

/// The kernel and the initramfs that `make guest` builds; says so where they are missing.
pub(crate) fn guest() -> Option<[String; 2]> {
    const FILES: [&str; 2] = ["Image", "memtide.cpio"];
    let guest = kernels::debian(&FILES)?;
    Some(FILES.map(|file| guest.join(file).to_str().unwrap().to_owned()))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) const ECALL: u32 = 0x0000_0073;
pub(crate) const ILLEGAL: u32 = 0;
pub(crate) const A0: u32 = 10;
pub(crate) const A1: u32 = 11;
pub(crate) const A6: u32 = 16;
pub(crate) const A7: u32 = 17;

/// `li register, value` for 12 bits.
pub(crate) const fn load(register: u32, value: u32) -> u32 {
    value << 20 | register << 7 | 0x13
}

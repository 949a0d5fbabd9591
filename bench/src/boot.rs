//! One boot: the process, its console, and when which line came.

use crate::programs;
use apparatus::process::cpu_time;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// What the guest says once it is up.
const READY: &str = "memtide: shell ready";
/// How a run of commands ends well.
const SUCCESS: &str = "memtide: exit 0";
/// The longest that a contestant may be silent. QEMU's two vCPUs need tens of seconds on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// What one boot took.
#[derive(Debug)]
pub(crate) struct Timing {
    /// From the start of the process to the guest's word that it is up.
    pub(crate) boot: Duration,
    /// CPU time of the process until then.
    pub(crate) boot_cpu: Duration,
    /// What each program reported.
    pub(crate) programs: Vec<Duration>,
}

/// A guest that is running.
pub(crate) struct Boot {
    process: Child,
    started: Instant,
    lines: Receiver<(Instant, String)>,
    seen: Vec<String>,
}

impl Boot {
    pub(crate) fn start(mut command: Command) -> Result<Self, String> {
        let started = Instant::now();
        let mut process =
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| format!("cannot run '{}': {error}", command.get_program().display()))?;
        let mut console = BufReader::new(process.stdout.take().expect("it is piped"));
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while console.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                if send.send((Instant::now(), text)).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Self { process, started, lines, seen: Vec::new() })
    }

    /// Waits until the guest is up; gives the time it took, as [`Timing`] has it.
    pub(crate) fn ready(&mut self) -> Result<(Duration, Duration), String> {
        let at = self.line(|line| line == READY)?.0;
        Ok((at - self.started, cpu_time(self.process.id())?))
    }

    /// Waits for the line of `program`; gives the time that it reports.
    pub(crate) fn program(&mut self, program: &str) -> Result<Duration, String> {
        let name = programs::name(program);
        let (_, line) = self.line(|line| line.starts_with(name) && line.contains(" us="))?;
        reported_time(&line).ok_or_else(|| format!("'{program}' said '{line}'"))
    }

    /// Waits until the commands are through and the process has ended.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.line(|line| line == SUCCESS)?;
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let status = self.process.wait().map_err(|error| format!("cannot wait for the guest: {error}"))?;
        if status.success() { Ok(()) } else { Err(self.complain(&format!("ended with {status}"))) }
    }

    fn line(&mut self, wanted: impl Fn(&str) -> bool) -> Result<(Instant, String), String> {
        loop {
            let (at, line) =
                self.lines.recv_timeout(PATIENCE).map_err(|error| self.complain(&error.to_string()))?;
            self.seen.push(line.clone());
            if wanted(&line) {
                return Ok((at, line));
            }
            if line.starts_with("memtide: exit") {
                return Err(self.complain("ended too early"));
            }
        }
    }

    fn complain(&self, what: &str) -> String {
        let last = self.seen.iter().rev().take(10).rev();
        let last: Vec<_> = last.map(String::as_str).collect();
        format!("the guest {what}; its last lines:\n{}", last.join("\n"))
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        // Both fail if the guest has ended, which is the usual case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Boots, runs `programs`, and waits for the end.
pub(crate) fn time(command: Command, programs: &[&str]) -> Result<Timing, String> {
    let mut guest = Boot::start(command)?;
    let (boot, boot_cpu) = guest.ready()?;
    let programs = programs.iter().map(|program| guest.program(program)).collect::<Result<_, _>>()?;
    guest.end()?;
    Ok(Timing { boot, boot_cpu, programs })
}

/// The time in a program's line `name key=value ... us=MICROSECONDS`.
fn reported_time(line: &str) -> Option<Duration> {
    let value = line.split(' ').find_map(|word| word.strip_prefix("us="))?;
    value.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_programs_line_tells_its_time() {
        assert_eq!(reported_time("pipe trips=5 us=1234"), Some(Duration::from_micros(1234)));
        assert_eq!(reported_time("pipe trips=5"), None);
        assert_eq!(reported_time("pipe us=soon"), None);
    }

    #[test]
    fn a_boot_is_timed_from_start_to_ready() {
        let script = "sleep 0.1; echo firmware; echo 'memtide: shell ready'; echo 'pipe trips=1 us=70';
            echo 'memtide: exit 0'; echo bye";
        let timing = time(shell(script), &["mt pipe 1"]).unwrap();
        assert!(timing.boot >= Duration::from_millis(100), "{timing:?}");
        assert_eq!(timing.programs, [Duration::from_micros(70)]);
    }

    #[test]
    fn a_guest_that_fails_is_quoted() {
        let script = "echo 'memtide: shell ready'; echo 'error: pipe broke'; echo 'memtide: exit 1'";
        let error = time(shell(script), &["mt pipe 1"]).unwrap_err();
        assert!(error.contains("pipe broke"), "{error}");
        let error = time(shell("echo panic"), &[]).unwrap_err();
        assert!(error.contains("panic"), "{error}");
    }
}

//! One trial: so many VMs are started one after the other, left idle, and put to work.
//!
//! **Model.** Started: each is waited for until its shell is there and `mt all` has run, then the next is started. Idle:
//! all are at their prompts; guests have had time to give back what they do not use, and whoever looks for equal
//! pages has found them. Working: all run `mt work` at once, while nobody looks for equal pages; what counts is the most
//! memory used meanwhile, and how many visits to its pages each guest makes per microsecond.

use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use addr::ByteSize;
use std::time::Duration;

/// Free pages are reported by a guest's kernel within two seconds, a few at a time.
const REST: Duration = Duration::from_secs(5);
/// How often memory is looked at while guests work.
const LOOK: Duration = Duration::from_millis(500);
/// What the shell says last before its prompt.
const PROMPT: &str = "Enter 'help'";

/// VMs that run side by side.
pub(crate) trait Crowd {
    /// Starts another one.
    fn start(&mut self) -> Result<Start, String>;
    /// Machine memory they take.
    fn used(&self) -> Result<ByteSize, String>;
    /// The same, as the kernel counts for the processes that run them.
    fn processes(&self) -> Result<ByteSize, String>;
    /// CPU time that the processes that run them have used.
    fn cpu_time(&self) -> Result<Duration, String>;
    /// Has equal pages looked for until there is little more to find.
    fn settle(&mut self, interrupt: &Interrupt) -> Result<(), String>;
    /// What is behind the figures, in words.
    fn tell(&self) -> String;
}

/// What became of starting a VM.
pub(crate) enum Start {
    Running(Terminal),
    /// There is not enough of something, as the words say.
    Refused(String),
}

/// What each guest does when it works.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) seconds: u32,
    pub(crate) mib: u32,
}

impl Work {
    pub(crate) fn command(self) -> String {
        format!("mt work {} {}", self.seconds, self.mib)
    }
}

/// What a trial found.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) idle: ByteSize,
    /// As the kernel counts for the processes.
    pub(crate) idle_processes: ByteSize,
    pub(crate) idle_told: String,
    /// The most while all worked.
    pub(crate) working: ByteSize,
    /// As the kernel counts for the processes, when they have worked.
    pub(crate) working_processes: ByteSize,
    pub(crate) working_told: String,
    /// Visits per microsecond of each guest.
    pub(crate) rates: Vec<f64>,
    /// Visits of all guests per microsecond of CPU time of the processes that run them.
    pub(crate) efficiency: f64,
}

/// Runs a trial with `count` VMs; the words of a refusal if one cannot be started.
pub(crate) fn run(
    crowd: &mut dyn Crowd,
    count: u32,
    work: Work,
    interrupt: &Interrupt,
) -> Result<Result<Trial, String>, String> {
    let mut terminals = Vec::new();
    for _ in 0..count {
        let mut terminal = match crowd.start()? {
            Start::Running(terminal) => terminal,
            Start::Refused(why) => return Ok(Err(format!("{} run, then: {why}", terminals.len()))),
        };
        terminal.wait(PROMPT, interrupt)?;
        terminal.type_line("mt all")?;
        terminal.wait("ALL OK", interrupt)?;
        terminals.push(terminal);
    }
    interrupt.sleep(REST)?;
    crowd.settle(interrupt)?;
    let (idle, idle_processes, idle_told) = (crowd.used()?, crowd.processes()?, crowd.tell());
    let cpu_before = crowd.cpu_time()?;
    let (working, reports) = put_to_work(crowd, &mut terminals, work, interrupt)?;
    let cpu = crowd.cpu_time()?.saturating_sub(cpu_before);
    let rates = reports.iter().map(|(visits, microseconds)| visits / microseconds).collect();
    let efficiency = reports.iter().map(|(visits, _)| visits).sum::<f64>() / (cpu.as_secs_f64() * 1e6);
    let (working_processes, working_told) = (crowd.processes()?, crowd.tell());
    Ok(Ok(Trial {
        idle,
        idle_processes,
        idle_told,
        working,
        working_processes,
        working_told,
        rates,
        efficiency,
    }))
}

/// Has all guests work at once; gives the most memory used meanwhile, and visits and microseconds of each.
fn put_to_work(
    crowd: &dyn Crowd,
    terminals: &mut [Terminal],
    work: Work,
    interrupt: &Interrupt,
) -> Result<(ByteSize, Vec<(f64, f64)>), String> {
    for terminal in &mut *terminals {
        terminal.type_line(&work.command())?;
    }
    let mut most = crowd.used()?;
    let mut reports = Vec::new();
    for terminal in terminals {
        // Those that end meanwhile wait with their lines.
        let line = loop {
            interrupt.check()?;
            most = most.max(crowd.used()?);
            if let Some(line) = terminal.look("work mib=", LOOK)? {
                break line;
            }
        };
        reports.push(reported(&line).ok_or_else(|| format!("'mt work' said '{line}'"))?);
    }
    Ok((most, reports))
}

/// Visits and microseconds in the line of `mt work`.
fn reported(line: &str) -> Option<(f64, f64)> {
    let value = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key))?.parse().ok();
    value("visits=").zip(value("us="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_line_of_work_tells_visits_and_time() {
        assert_eq!(reported("work mib=24 area=24 visits=5000000 us=10000000"), Some((5e6, 1e7)));
        assert_eq!(reported("work mib=24 us=10"), None);
    }

    /// Guests that are shell scripts, at most two, each taking a MiB, and one more at each look while they work.
    struct Scripts(u32, std::cell::Cell<u64>);

    impl Crowd for Scripts {
        fn start(&mut self) -> Result<Start, String> {
            if self.0 == 2 {
                return Ok(Start::Refused("two are enough".to_owned()));
            }
            self.0 += 1;
            let script = "echo \"Enter 'help' for help\"; read -r all; echo ALL OK; read -r work;
                sleep 0.1; echo 'work mib=1 visits=30 us=20'";
            let mut shell = Command::new("sh");
            let shell = shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = shell.spawn().unwrap();
            let (output, input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
            std::thread::spawn(move || child.wait());
            Ok(Start::Running(Terminal::of_process(output, input)))
        }
        fn used(&self) -> Result<ByteSize, String> {
            self.1.set(self.1.get() + 1);
            Ok(ByteSize::mib(self.1.get()))
        }
        fn processes(&self) -> Result<ByteSize, String> {
            Ok(ByteSize::mib(9))
        }
        fn cpu_time(&self) -> Result<Duration, String> {
            Ok(Duration::from_micros(10 * self.1.get()))
        }
        fn settle(&mut self, _: &Interrupt) -> Result<(), String> {
            Ok(())
        }
        fn tell(&self) -> String {
            "nothing".to_owned()
        }
    }

    #[test]
    fn a_trial_measures_idle_and_working_guests() {
        let (work, interrupt) = (Work { seconds: 1, mib: 1 }, Interrupt::default());
        let trial = run(&mut Scripts(0, 0.into()), 2, work, &interrupt).unwrap().unwrap();
        assert_eq!((trial.idle, trial.idle_processes), (ByteSize::mib(1), ByteSize::mib(9)));
        assert!(trial.working > trial.idle, "{trial:?}");
        assert_eq!(trial.rates, [1.5, 1.5]);
        let looks = (trial.working.0 - trial.idle.0) as f64 / ByteSize::mib(1).0 as f64;
        assert!((trial.efficiency - 60.0 / (10.0 * looks)).abs() < 1e-9, "{trial:?}");
        let refused = run(&mut Scripts(0, 0.into()), 3, work, &interrupt).unwrap().unwrap_err();
        assert_eq!(refused, "2 run, then: two are enough");
    }
}

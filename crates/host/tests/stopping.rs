//! VMs that are stopped: with guests that do as they are asked, that do not, and that cannot be asked.

mod guests;

use addr::ByteSize;
use guests::{Under, spec};
use host::{HostError, Progress, Stop, Stopped};
use model::{HowEnded, Power, What};
use std::time::{Duration, Instant};

const SIZE: ByteSize = ByteSize::mib(128);
const WITHOUT_AGENT: &str = "no agent runs in its guest";

fn shutdown(seconds: u64, force: bool) -> Stop {
    Stop::Shutdown { deadline: Some(Duration::from_secs(seconds)), force }
}

/// How VMs ended, and who was asked to, as it was told.
fn told(host: &Under) -> Vec<String> {
    let word = |what: &What| match what {
        What::ShutdownRequested { vm, deadline_seconds } => Some(format!("{vm} asked, {deadline_seconds} s")),
        What::VmEnded { vm, how, why } => Some(format!("{vm} {how} {}", why.as_deref().unwrap_or("-"))),
        What::Trouble { why } => Some(why.clone()),
        _ => None,
    };
    host.events_since(0).iter().filter_map(|event| word(&event.what)).collect()
}

/// The same in the order of the alphabet, once all is told: a VM's end is, a moment after it.
fn all_told(host: &Under, expected: &[&str]) {
    let deadline = Instant::now() + guests::PATIENCE;
    loop {
        let mut told = told(host);
        told.sort_unstable();
        if told == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{told:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a program in the VM's guest has the agent's port open.
fn finds_agent(host: &Under, vm: &str) {
    let deadline = Instant::now() + guests::PATIENCE;
    while host.info(vm).unwrap().agent_answers == Some(false) {
        assert!(Instant::now() < deadline, "no agent: {:?}", host.info(vm));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_guest_without_agent_is_powered_off_at_once_unless_it_should_run_on() {
    let host = Under::new(ByteSize::mib(96));
    host.create(host.sleeper("a", ByteSize::mib(64))).unwrap();
    host.start("a").unwrap();
    assert_eq!(host.info("a").unwrap().agent_answers, Some(false));
    let start = Instant::now();
    let error = host.stop("a", shutdown(600, false)).unwrap_err();
    assert!(matches!(&error, HostError::StillRuns { why, .. } if why == WITHOUT_AGENT), "{error}");
    assert_eq!(host.info("a").unwrap().power, Power::Running);
    let why = Some(WITHOUT_AGENT.to_owned());
    assert_eq!(host.stop("a", shutdown(600, true)).unwrap(), Stopped::PoweredOff { why: why.clone() });
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let info = host.info("a").unwrap();
    assert_eq!((info.ended, info.reason, info.agent_answers), (Some(HowEnded::Stopped), why, None));
    assert_eq!(host.stop("a", Stop::default()).unwrap(), Stopped::Already);

    host.start("a").unwrap();
    assert_eq!(host.stop("a", Stop::Now).unwrap(), Stopped::PoweredOff { why: None });
    all_told(&host, &["a stopped -", &format!("a stopped {WITHOUT_AGENT}")]);
}

#[test]
fn guests_shut_down_all_at_once_when_the_host_ends() {
    let Some(guest) = guests::debian() else { return };
    let host = Under::new(ByteSize::mib(448));
    host.create(host.sleeper("deaf", ByteSize::mib(64))).unwrap();
    for vm in ["one", "two"] {
        host.create(spec(&guest, vm, SIZE, "")).unwrap();
        host.start(vm).unwrap();
    }
    host.start("deaf").unwrap();
    for vm in ["one", "two"] {
        host.hears(vm, "shell ready");
        finds_agent(&host, vm);
    }
    host.set_setting("VM.StopDeadline", 100).unwrap();
    // Who waits finds out by itself whether the agent listens.
    let deadline = Instant::now() + guests::PATIENCE;
    while host.info("one").unwrap().agent_answers != Some(true) {
        assert!(Instant::now() < deadline, "{:?}", host.info("one"));
        std::thread::sleep(Duration::from_millis(100));
    }
    let consoles = ["one", "two"].map(|vm| host.console(vm).unwrap());
    host.shutdown_with(Stop::default(), &Progress::default());
    let deaf = format!("deaf stopped {WITHOUT_AGENT}");
    all_told(
        &host,
        &[&deaf, "one asked, 100 s", "one powered-off -", "two asked, 100 s", "two powered-off -"],
    );
    for console in consoles {
        let said = String::from_utf8_lossy(&console.since(0).bytes).into_owned();
        assert!(said.contains("memtide: shutting down"), "{said}");
    }
}

#[test]
fn a_guest_that_does_not_shut_down_is_powered_off_at_the_deadline_and_waiting_can_be_cancelled() {
    let Some(guest) = guests::debian() else { return };
    let host = Under::new(ByteSize::mib(192));
    host.create(spec(&guest, "stubborn", SIZE, "trap '' TERM HUP; while :; do sleep 1; done")).unwrap();
    host.start("stubborn").unwrap();
    host.hears("stubborn", "shell ready");
    finds_agent(&host, "stubborn");

    let progress = Progress::default();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| host.stop_with("stubborn", shutdown(300, true), &progress));
        let deadline = Instant::now() + guests::PATIENCE;
        while !progress.waiting().is_some_and(|what| what.contains("which was asked to shut down; 29")) {
            assert!(Instant::now() < deadline, "{:?}", progress.waiting());
            std::thread::sleep(Duration::from_millis(10));
        }
        progress.cancel();
        let error = stopping.join().unwrap().unwrap_err();
        assert!(matches!(error, HostError::StopCancelled(_)), "{error}");
    });
    assert_eq!(host.info("stubborn").unwrap().power, Power::Running);

    // Its agent is busy letting programs end, and does not answer; it is known why.
    let stopped = host.stop("stubborn", shutdown(6, true)).unwrap();
    let why = "its guest had not shut down in 6 s";
    assert_eq!(stopped, Stopped::PoweredOff { why: Some(why.to_owned()) });
    let ended = format!("stubborn stopped {why}");
    all_told(&host, &["stubborn asked, 300 s", "stubborn asked, 6 s", &ended]);
}

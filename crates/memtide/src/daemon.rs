//! `memtide host`: the host, from its start to its end.
//!
//! **Model.** It is told what to be by [`config`], says what it does (`told`), listens (`listen`), and ends when a
//! signal says so: its VMs with it, each as its guest wishes within the deadline. A second signal ends it at once.
//!
//! A service is the same process. What systemd wants to know it is told by [`notify`](crate::notify); the log goes to its journal.

mod confined;
mod listen;
mod told;

use crate::args::{self, LogFormat, LogLevel};
use crate::config::{self, Config};
use crate::error::Error;
use crate::limits;
use crate::log;
use crate::notify::Notifier;
use crate::progress::during;
use actions::Worker;
use api::Server;
use host::{Host, HostConfig, HostError, Progress, Stop, of_machine};
use model::What;
use sandbox::Kind;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use told::{Speaker, Told};

/// Runs a host until a signal ends it, or checks what it would be told.
pub(crate) fn run(args: &args::Host) -> Result<(), Error> {
    if args.check_config {
        return config::check(args);
    }
    // Before anything is there that a signal should end in order.
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(|error| refused("watch for signals", &error))?;
    let config = Config::of(args)?;
    let log = log::begin(config.log_format, config.log_level)?;
    limits::prepare(config.machine_memory)?;
    // Before there are other threads.
    let (actions, gaps) = confined::begin(&config)?;
    let speaker = Speaker { format: args.output.output, only_logs: log == LogFormat::Journald };
    let host = open(&config, actions)?;
    // All threads that it cannot do without are there before it is ready.
    let follower = log::Follower::of(&host).map_err(|error| refused("start a thread", &error))?;
    let notifier = Notifier::begin(&host).map_err(|error| refused("start a thread", &error))?;
    let server = serve(&host, &config, speaker)?;
    for gap in gaps {
        // Elsewhere it is logged.
        if config.log_level < LogLevel::Warn {
            eprintln!("warning: {gap}");
        }
        host.note_exposed(gap);
    }
    notifier.ready(&host);
    autostart(&host, config.resume, speaker);
    sandbox::keep_to(Kind::Service);
    signals.forever().next();
    // Without a thread for it a second signal does nothing.
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("memtide: ended at once; what the host knew of its VMs is kept");
            std::process::exit(128 + signal);
        }
    });
    let deadline = stop_deadline(&host, &config);
    notifier.stopping(deadline);
    end(&host, server, deadline, speaker);
    drop((follower, notifier));
    Ok(())
}

/// Opens the host.
fn open(config: &Config, actions: Worker) -> Result<Host, Error> {
    crate::run::check_available(
        config.machine_memory,
        "the host",
        "--machine-memory takes less, or stop something else",
    )?;
    let files = HostConfig {
        machine_memory: config.machine_memory,
        swap: config.swap.clone(),
        state: config.state.clone(),
    };
    let host =
        during("opening the host", || Host::open_with(&files, actions)).map_err(|error| explain(&error))?;
    host.is_whole_process().map_err(|error| explain(&error))?;
    Ok(host)
}

/// Lets the host be asked.
fn serve(host: &Host, config: &Config, speaker: Speaker) -> Result<Arc<Server>, Error> {
    let (server, listening) = listen::serve(host, config, speaker)?;
    speaker.tell(&Told::Ready {
        machine_memory_bytes: config.machine_memory,
        vms: host.vm_count(),
        state: &config.state,
        socket: &config.socket,
    });
    if let Some(listening) = &listening {
        speaker.tell(&Told::Listening(listening));
    }
    Ok(server)
}

/// Ends in order, saying what is going on. A second signal ends at once.
fn end(host: &Host, server: Arc<Server>, deadline: Duration, speaker: Speaker) {
    let running = host.list().iter().filter(|vm| vm.power.is_on()).count();
    speaker.tell(&Told::Ending { running });
    let mut seq = host.events_since(0).last().map_or(0, |event| event.seq);
    let ending = host.clone();
    let thread = thread::Builder::new().name("shutdown".to_owned());
    let shutdown = thread.spawn(move || stop(&ending, deadline));
    if shutdown.is_err() {
        // It is told afterwards then.
        stop(host, deadline);
    }
    loop {
        let done = shutdown.as_ref().is_ok_and(thread::JoinHandle::is_finished) || shutdown.is_err();
        for event in host.wait_events_since(seq, Duration::from_millis(100)) {
            seq = event.seq;
            if let What::VmEnded { vm, .. } = &event.what {
                speaker.tell(&Told::VmEnded { vm });
            }
        }
        if done {
            break;
        }
    }
    drop(server);
    speaker.tell(&Told::Ended);
}

/// How long guests may take to shut down: as the configuration has it, or else the setting.
fn stop_deadline(host: &Host, config: &Config) -> Duration {
    let setting = || host.setting("VM.StopDeadline").map_or(0, |setting| setting.value.into());
    config.stop_deadline.unwrap_or_else(|| Duration::from_secs(setting()))
}

/// Stops all VMs, and the host: the only place that does.
fn stop(host: &Host, deadline: Duration) {
    let asked = Stop::Shutdown { deadline: Some(deadline), force: true };
    let how = if deadline.is_zero() { Stop::Now } else { asked };
    host.shutdown_with(how, &Progress::default());
}

/// Has the VMs started that start with the host, if that is wanted, and says so if not.
fn autostart(host: &Host, wanted: bool, speaker: Speaker) {
    if wanted {
        return host.autostart(Box::new(move |vm: &str| speaker.tell(&Told::RunsAgain { vm })));
    }
    let vms = host.starts_with_host();
    if !vms.is_empty() {
        speaker.tell(&Told::WouldStart { vms: &vms });
    }
}

/// What the machine does not let the host do.
fn refused(what: &str, error: &io::Error) -> Error {
    Error::new(format!("cannot {what}: {error}")).hint(of_machine(error))
}

fn explain(error: &HostError) -> Error {
    let hint = error.hint();
    let error = Error::new(error);
    error.hint(hint.unwrap_or(
        "--machine-memory takes a size such as 512MiB, --state and --swap directories that you may write to",
    ))
}

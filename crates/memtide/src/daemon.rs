//! `memtide host`: the host, and the socket at which it is asked.

use crate::args;
use crate::control::{make_private, runtime_directory};
use crate::error::Error;
use crate::remote::default_socket;
use api::Server;
use host::{Host, HostConfig, HostError, What};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::{Path, PathBuf, absolute};
use std::thread;
use std::time::Duration;

/// Runs a host until a signal ends it.
pub(crate) fn run(args: &args::Host) -> Result<(), Error> {
    // Before anything is there that a signal should end in order.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Error::new(format!("cannot watch for signals: {error}")))?;
    let state = args.state.clone().map_or_else(default_state, Ok)?;
    let config = HostConfig {
        machine_memory: args.machine_memory,
        swap: whole(args.swap.as_deref().unwrap_or(&state.join("swap")))?,
        state: whole(&state)?,
    };
    let socket = args.listen.clone().unwrap_or_else(default_socket);
    if socket.parent() == Some(&runtime_directory()) {
        make_private(&runtime_directory())?;
    }
    crate::run::check_available(
        config.machine_memory,
        "the host",
        "--machine-memory takes less, or stop something else",
    )?;
    let host = Host::open(&config).map_err(|error| explain(&error))?;
    let server = Server::start(&host, &socket).map_err(|error| {
        Error::new(error).hint("--listen takes another socket; --host of other verbs names it then")
    })?;
    println!(
        "memtide: the host is ready: {} of machine memory, {} VMs known, state in {}, listening at {}",
        config.machine_memory,
        host.list().len(),
        config.state.display(),
        socket.display()
    );
    let starter = start_again(&host, args.resume);
    signals.forever().next();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("memtide: ended at once; what the host knew of its VMs is kept");
            std::process::exit(128 + signal);
        }
    });
    end(&host, server);
    // It ends as soon as the host refuses to start more.
    let _ = starter.join();
    Ok(())
}

/// Ends in order, saying what is going on. A second signal ends at once.
fn end(host: &Host, server: Server) {
    let running = host.status().vms.len();
    println!("memtide: ending; {running} VMs are running");
    let mut seq = host.events_since(0).last().map_or(0, |event| event.seq);
    let ending = host.clone();
    let shutdown = thread::spawn(move || ending.shutdown());
    loop {
        let done = shutdown.is_finished();
        for event in host.wait_events_since(seq, Duration::from_millis(100)) {
            seq = event.seq;
            if let What::VmEnded { vm, .. } = &event.what {
                println!("memtide: {vm} has ended");
            }
        }
        if done {
            break;
        }
    }
    drop(server);
    println!("memtide: the host has ended");
}

/// Starts what ran before, if that is wanted, and says so if not.
fn start_again(host: &Host, wanted: bool) -> thread::JoinHandle<()> {
    let names = host.ran_before();
    if !wanted && !names.is_empty() {
        println!("memtide: these VMs ran before: {}; 'memtide start' starts them again", names.join(" "));
    }
    let host = host.clone();
    thread::spawn(move || {
        for name in names.iter().filter(|_| wanted) {
            match host.start(name) {
                Ok(_) => println!("memtide: {name} runs again"),
                Err(HostError::ShuttingDown) => return,
                Err(error) => eprintln!("warning: {name} does not run again: {error}"),
            }
        }
    })
}

fn default_state() -> Result<PathBuf, Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    base.map(|base| base.join("memtide/host"))
        .ok_or_else(|| Error::new("no place for the host's files is known").hint("name one with --state"))
}

/// The host may be asked to print a path; one that depends on where it was started would say little.
fn whole(path: &Path) -> Result<PathBuf, Error> {
    absolute(path).map_err(|error| Error::new(format!("'{}' is no path: {error}", path.display())))
}

fn explain(error: &HostError) -> Error {
    let hint = error.hint();
    let error = Error::new(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error.hint("see 'memtide host --help'"),
    }
}

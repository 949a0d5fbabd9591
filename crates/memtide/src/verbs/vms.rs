//! The VMs there are, and their power.

use crate::args::{
    CloneVm, Create, Decided, DocumentFormat, List, OrNone, Restart, Set, Stop, VmOptions, in_bytes,
};
use crate::control;
use crate::error::{Error, INTERRUPTED};
use crate::find;
use crate::list::vms::{Listed, VMS};
use crate::print;
use crate::progress::during;
use crate::remote::Remote;
use crate::verbs::memory::vm_memory;
use crate::verbs::{Done, each};
use crate::view;
use addr::ByteSize;
use model::inspect::{Answer, Request};
use model::{Operation, OperationKind, Power, RestartVm, StopVm, VmChange, VmSpec};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::{Path, PathBuf, absolute};
use std::slice;

/// Fewer than the operations that a host carries out at once.
const STOPPED_AT_ONCE: usize = 16;
const DEFAULT_MEMORY: ByteSize = ByteSize::mib(512);

pub(super) fn create(remote: &Remote, args: Create) -> Result<(), Error> {
    let name = args.name;
    let memory = args.options.memory.unwrap_or(DEFAULT_MEMORY);
    let mut change = change(args.options, Some(&args.kernel), || Ok(memory))?;
    change.memory_bytes = Some(memory);
    // A spec is a name and what differs from the defaults.
    let mut spec = serde_json::to_value(change).expect("changes are JSON");
    spec["name"] = Value::from(name.as_str());
    let spec: VmSpec = serde_json::from_value(spec).map_err(Error::new)?;
    let mut vm = remote.wait(remote.client.create(&spec))?;
    if args.start {
        remote
            .carry_out(OperationKind::Start, Some(&name))
            .map_err(|error| error.but(&format!("{name} is created")))?;
        vm = remote.wait(remote.client.vm(&name))?;
    }
    warn_of_limit(&vm.info.spec);
    print::show(&vm, args.output.output, |vm| format!("{name} is created, {}\n", vm.info.power))
}

pub(super) fn clone(remote: &Remote, args: CloneVm) -> Result<(), Error> {
    let source = remote.wait(remote.client.vm(&args.source))?;
    let spec = VmSpec { name: args.name, ..source.info.spec };
    let vm = remote.wait(remote.client.create(&spec))?;
    print::show(&vm, args.output.output, |vm| {
        format!("{} is created with the settings of {}\n", vm.info.spec.name, args.source)
    })
}

pub(super) fn start(remote: &Remote, names: &[String], format: DocumentFormat) -> Result<(), Error> {
    each(names, format, |name| {
        let Err(error) = remote.carry_out(OperationKind::Start, Some(name)) else {
            return Ok(Done::to(name, "started"));
        };
        if error.exit_status() == INTERRUPTED {
            return Err(error);
        }
        // The host refuses to start a VM that runs, but that is what was wanted.
        match remote.wait(remote.client.vm(name)) {
            Ok(vm) if vm.info.power == Power::Running => {
                Ok(Done { message: Some(format!("{name} runs already")), ..Done::to(name, "started") })
            }
            _ => Err(error),
        }
    })
}

/// Stops VMs, wherever they run.
pub(super) fn stop(remote: &Remote, args: Stop) -> Result<(), Error> {
    let names = if args.names.is_empty() { vec![find::only(remote, None)?] } else { args.names };
    let how = StopVm { now: args.now, deadline_seconds: args.deadline, force: !args.no_force };
    let mut stops = Stops { remote, how, to_begin: names.iter(), begun: VecDeque::new() };
    let outcome = each(&names, args.output.output, |name| stops.stop(name));
    stops.leave(outcome.as_ref().is_err_and(|error| error.exit_status() == INTERRUPTED));
    outcome
}

/// VMs that are being stopped, several at the same time.
struct Stops<'a> {
    remote: &'a Remote,
    how: StopVm,
    to_begin: slice::Iter<'a, String>,
    /// In the same order; the last one may have failed, and nothing is begun after it.
    begun: VecDeque<Result<Option<Operation>, Error>>,
}

impl Stops<'_> {
    /// Waits until the VM called `name`, whose turn it is, is stopped; those after it are being stopped meanwhile.
    fn stop(&mut self, name: &str) -> Result<Done, Error> {
        while self.begun.len() < STOPPED_AT_ONCE && !matches!(self.begun.back(), Some(Err(_))) {
            let Some(next) = self.to_begin.next() else { break };
            self.begun.push_back(self.begin(next));
        }
        match self.begun.pop_front().expect("a stop is begun before it is waited for")? {
            Some(begun) => {
                let message = self.remote.finish(begun)?.message;
                Ok(Done { message, ..Done::to(name, "stopped") })
            }
            None => Ok(Done::to(name, "stopping")),
        }
    }

    /// Begins to stop a VM; gives what goes on, unless it runs in the foreground.
    fn begin(&self, name: &str) -> Result<Option<Operation>, Error> {
        if find::is_hosted(self.remote, name)? {
            return self.remote.wait(self.remote.client.begin_stop(name, &self.how)).map(Some);
        }
        control::ask(name, Request::Stop).map(|_| None)
    }

    /// Waits for those that are being stopped still, or cancels that.
    fn leave(self, cancel: bool) {
        for begun in self.begun.into_iter().filter_map(|begun| begun.ok().flatten()) {
            // What became of them is not what failed.
            let _ = if cancel {
                self.remote.wait(self.remote.client.cancel(begun.id))
            } else {
                self.remote.finish(begun)
            };
        }
    }
}

pub(super) fn restart(remote: &Remote, args: &Restart) -> Result<(), Error> {
    let how = RestartVm { guest: args.guest, deadline_seconds: args.deadline, force: !args.no_force };
    each(&args.names, args.output.output, |name| {
        let begun = remote.wait(remote.client.begin_restart(name, &how))?;
        remote.finish(begun)?;
        Ok(Done::to(name, "restarted"))
    })
}

pub(super) fn pause(remote: &Remote, names: &[String], format: DocumentFormat) -> Result<(), Error> {
    each(names, format, |name| {
        remote.carry_out(OperationKind::Pause, Some(name))?;
        Ok(Done::to(name, "paused"))
    })
}

pub(super) fn resume(remote: &Remote, names: &[String], format: DocumentFormat) -> Result<(), Error> {
    each(names, format, |name| {
        remote.carry_out(OperationKind::Resume, Some(name))?;
        Ok(Done::to(name, "resumed"))
    })
}

pub(super) fn remove(remote: &Remote, names: &[String], format: DocumentFormat) -> Result<(), Error> {
    each(names, format, |name| {
        during(&format!("removing {name}"), || remote.wait(remote.client.remove(name)))?;
        Ok(Done::to(name, "removed"))
    })
}

pub(super) fn set(remote: &Remote, args: Set) -> Result<(), Error> {
    let memory = args.options.memory;
    let whole = || memory.map_or_else(|| vm_memory(remote, &args.name), Ok);
    let change = change(args.options, args.kernel.as_deref(), whole)?;
    if change == VmChange::default() {
        return Err(Error::new("nothing is to be changed").hint("'memtide set --help' names what can be"));
    }
    let before = remote.wait(remote.client.vm(&args.name))?;
    let after = remote.wait(remote.client.set(&args.name, &change))?;
    warn_of_limit(&after.info.spec);
    print::show(&after, args.output.output, |after| {
        view::changes(&args.name, &change, &before.info.spec, &after.info.spec)
    })
}

/// What ESX's administrators forget most often is a limit.
fn warn_of_limit(spec: &VmSpec) {
    if let Some(limit) = spec.limit_bytes.filter(|&limit| limit < spec.memory_bytes) {
        eprintln!("warning: the limit of {} is {limit}, {}", spec.name, view::FORGOTTEN_LIMIT);
    }
}

pub(super) fn info(remote: &Remote, name: Option<String>, format: DocumentFormat) -> Result<(), Error> {
    let name = find::only(remote, name)?;
    if find::is_hosted(remote, &name)? {
        print::show(&remote.wait(remote.client.vm(&name))?, format, view::hosted)?;
        return if format == DocumentFormat::Table { standstill(remote) } else { Ok(()) };
    }
    super::inspect::present(&control::ask(&name, Request::Info)?, format)
}

/// Says so if no VM of the host gets memory, as then it is not this one's doing.
fn standstill(remote: &Remote) -> Result<(), Error> {
    match remote.wait(remote.client.status())?.memory_loop.standstill_seconds {
        0 => Ok(()),
        seconds => {
            print::print(&format!("standstill for {seconds} s: no memory is free and none comes free\n"))
        }
    }
}

pub(super) fn list(remote: &Remote, args: &List) -> Result<(), Error> {
    let chosen = VMS.choose(args)?;
    let hosted = remote.if_there(remote.client.vms())?.unwrap_or_default();
    let mut vms: Vec<Listed> = hosted.into_iter().map(Listed::hosted).collect();
    for name in control::names()? {
        match control::ask(&name, Request::Info) {
            Ok(Answer::Info(info)) => vms.push(Listed::in_foreground(&info)),
            Ok(_) => eprintln!("warning: '{name}' does not say what it is"),
            // It may have ended since.
            Err(error) => eprintln!("warning: {error}"),
        }
    }
    chosen.print(vms)
}

/// What the options say, parts of the VM's memory as sizes, with paths that the host understands wherever it runs.
fn change(
    options: VmOptions,
    kernel: Option<&Path>,
    memory: impl Fn() -> Result<ByteSize, Error>,
) -> Result<VmChange, Error> {
    let Decided { reservation, limit, shares } = options.controls.of(&memory)?;
    let balloon_max = options.balloon_max.map(|OrNone(most)| in_bytes(most, &memory)).transpose()?;
    let of_host = |path: Option<OrNone<PathBuf>>| -> Result<_, Error> {
        path.map(|OrNone(path)| path.as_deref().map(whole_path).transpose()).transpose()
    };
    Ok(VmChange {
        memory_bytes: options.memory,
        cpus: options.cpus,
        mmu: options.mmu,
        kernel: kernel.map(whole_path).transpose()?,
        initrd: of_host(options.initrd)?,
        append: options.append,
        reservation_bytes: reservation,
        limit_bytes: limit,
        shares,
        pool: options.pool.map(|OrNone(pool)| pool),
        balloon_max_bytes: balloon_max,
        sharing: options.sharing,
        salt: options.salt.map(|OrNone(salt)| salt),
        swap_dir: of_host(options.swap_dir)?,
        zip: options.zip,
        autostart: options.autostart,
        autostart_order: options.autostart_order.map(|OrNone(order)| order),
        autostart_delay_seconds: options.autostart_delay,
        on_reboot: options.on_reboot,
        on_panic: options.on_panic,
    })
}

fn whole_path(path: &Path) -> Result<PathBuf, Error> {
    absolute(path).map_err(|error| Error::new(format!("'{}' is no path: {error}", path.display())))
}

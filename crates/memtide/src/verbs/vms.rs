//! The VMs there are, and their power.

use crate::args::{Controls, Create, Format, OrNone, Set, VmOptions};
use crate::control;
use crate::error::Error;
use crate::find;
use crate::print;
use crate::remote::Remote;
use crate::verbs::each;
use crate::view::{self, Listed};
use api::inspect::{Answer, Request};
use api::types::{Vm, VmChange, VmSpec};
use serde_json::Value;
use std::path::{Path, PathBuf, absolute};

const DEFAULT_MEMORY: &str = "512MiB";

pub(super) fn create(remote: &Remote, args: Create) -> Result<(), Error> {
    let name = args.name;
    let mut change = change(args.options, Some(&args.kernel))?;
    change.memory_bytes = change.memory_bytes.or_else(|| DEFAULT_MEMORY.parse().ok());
    change.append = change.append.or_else(|| Some("console=ttyS0".to_owned()));
    // A spec is a name and what differs from the defaults.
    let mut spec = serde_json::to_value(change).expect("changes are JSON");
    spec["name"] = Value::from(name.as_str());
    let spec: VmSpec = serde_json::from_value(spec).map_err(Error::new)?;
    let mut vm = remote.wait(remote.client.create(&spec))?;
    if args.start {
        vm = remote
            .wait(remote.client.start(&name))
            .map_err(|error| error.but(&format!("{name} is created")))?;
    }
    print::show(&vm, args.output.output, |vm| format!("{name} is created, {}\n", vm.info.power))
}

pub(super) fn start(remote: &Remote, names: &[String], format: Format) -> Result<(), Error> {
    each(names, format, |name| {
        remote.wait(remote.client.start(name))?;
        Ok("started")
    })
}

/// Stops VMs, wherever they run.
pub(super) fn stop(remote: &Remote, names: Vec<String>, format: Format) -> Result<(), Error> {
    let names = if names.is_empty() { vec![find::only(remote, None)?] } else { names };
    each(&names, format, |name| {
        if find::is_hosted(remote, name)? {
            remote.wait(remote.client.stop(name))?;
            return Ok("stopped");
        }
        control::ask(name, Request::Stop)?;
        Ok("stopping")
    })
}

pub(super) fn remove(remote: &Remote, names: &[String], format: Format) -> Result<(), Error> {
    each(names, format, |name| {
        remote.wait(remote.client.remove(name))?;
        Ok("removed")
    })
}

pub(super) fn set(remote: &Remote, args: Set) -> Result<(), Error> {
    let change = change(args.options, args.kernel.as_deref())?;
    if change == VmChange::default() {
        return Err(Error::new("nothing is to be changed").hint("'memtide set --help' names what can be"));
    }
    let vm = remote.wait(remote.client.set(&args.name, &change))?;
    show(&vm, args.output.output)
}

pub(super) fn info(remote: &Remote, name: Option<String>, format: Format) -> Result<(), Error> {
    let name = find::only(remote, name)?;
    if find::is_hosted(remote, &name)? {
        return show(&remote.wait(remote.client.vm(&name))?, format);
    }
    super::inspect::present(&control::ask(&name, Request::Info)?, format)
}

fn show(vm: &Vm, format: Format) -> Result<(), Error> {
    print::show(vm, format, view::hosted)
}

pub(super) fn list(remote: &Remote, format: Format) -> Result<(), Error> {
    let hosted = remote.if_there(remote.client.vms())?.unwrap_or_default();
    let mut vms: Vec<Listed> = hosted.iter().map(Listed::hosted).collect();
    for name in control::names()? {
        match control::ask(&name, Request::Info) {
            Ok(Answer::Info(info)) => vms.push(Listed::in_foreground(&info)),
            Ok(_) => eprintln!("warning: '{name}' does not say what it is"),
            // It may have ended since.
            Err(error) => eprintln!("warning: {error}"),
        }
    }
    print::show(&vms, format, |vms| view::list(vms))
}

/// What the options say, with paths that the host understands wherever it runs.
fn change(options: VmOptions, kernel: Option<&Path>) -> Result<VmChange, Error> {
    let Controls { reservation, limit, shares } = options.controls;
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
        limit_bytes: limit.map(|OrNone(limit)| limit),
        shares,
        pool: options.pool.map(|OrNone(pool)| pool),
        balloon_max_bytes: options.balloon_max.map(|OrNone(most)| most),
        sharing: options.sharing,
        salt: options.salt.map(|OrNone(salt)| salt),
        swap_dir: of_host(options.swap_dir)?,
        zip: options.zip,
    })
}

fn whole_path(path: &Path) -> Result<PathBuf, Error> {
    absolute(path).map_err(|error| Error::new(format!("'{}' is no path: {error}", path.display())))
}

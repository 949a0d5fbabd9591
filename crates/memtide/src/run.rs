//! `memtide run`: a VM in the foreground.

use crate::args::{Run, SandboxMode};
use crate::console::{self, Keyboard, Printer, Screen};
use crate::control::{self, Claim};
use crate::current::Current;
use crate::error::Error;
use crate::limits;
use crate::signals::Signals;
use crate::terminal::Terminal;
use addr::{ByteSize, VmId};
use api::inspect::{Guest, trouble};
use files::{FileError, Regular};
use host::LinuxMemory;
use machine::{Backing, MemoryError, Pool};
use model::Afterwards;
use sandbox::{Files, Kind};
use sched::backoff::Restarts;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use vm::boot::{self, Initrd, KernelImage, LoadError};
use vm::{Config, Ended, StartError, Vm};

/// How often a running VM is looked at for trouble.
const TICK: Duration = Duration::from_millis(250);
/// How long to wait for a terminal that does not take the last of the guest's output.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs the VM until it ends; gives the exit status.
pub(crate) fn run(args: &Run) -> Result<u8, Error> {
    // Before there are other threads.
    if let Err(error) = sandbox::begin(args.sandbox.into()) {
        eprintln!("warning: the sandbox has gaps: {error}");
    }
    let claim = Claim::new(args.name.as_deref())?;
    let config = read_config(args, claim.name())?;
    if args.sandbox == SandboxMode::On {
        // All that is written is its socket, which goes with it; all that is read has been.
        let files = Files { written: vec![control::runtime_directory()], read: None };
        if let Err(error) = sandbox::keep_to_files(files) {
            eprintln!("warning: the sandbox has gaps: {error}");
        }
    }
    let pool = make_pool(args)?;
    let terminal =
        Terminal::open().map_err(|error| Error::new(format!("cannot use the terminal: {error}")))?;
    let terminal = terminal.map(Arc::new);
    restore_on_panic(terminal.as_ref());
    let status = run_vm(args, config, &pool, &claim, terminal.as_ref());
    // Before anything more is said, and even though the keyboard's thread still holds the terminal.
    terminal.inspect(|terminal| terminal.restore());
    status
}

fn read_config(args: &Run, name: &str) -> Result<Config, Error> {
    const A_KERNEL: &str =
        "--kernel takes a RISC-V Linux Image, gzipped or not; scripts/fetch-guest fetches Debian's";
    const AN_INITRD: &str = "--initrd takes a cpio archive, compressed or not; fetch or build this one again";
    let kernel = boot::open_kernel(&args.kernel, args.memory);
    let kernel = read_file("kernel", &args.kernel, kernel)?;
    let kernel = KernelImage::parse(&args.kernel.display().to_string(), kernel)
        .map_err(|error| Error::new(error).hint(A_KERNEL))?;
    let parse = |path: &Path| {
        let initrd = read_file("initrd", path, boot::open_initrd(path, args.memory))?;
        Initrd::parse(&path.display().to_string(), initrd).map_err(|error| Error::new(error).hint(AN_INITRD))
    };
    let config = Config {
        name: name.to_owned(),
        memory: args.memory,
        cpus: args.cpus,
        mmu: host::mmu_choice(args.mmu),
        kernel,
        initrd: args.initrd.as_deref().map(parse).transpose()?,
        command_line: args.append.clone(),
    };
    config.check().map_err(|error| Error::new(error).hint("'memtide run --help' names the limits"))?;
    Ok(config)
}

/// Reads a file as far as it can be one of a guest's. Whoever waits for a slow one too long presses Ctrl-C.
fn read_file(what: &str, path: &Path, file: Result<Regular, FileError>) -> Result<Vec<u8>, Error> {
    file.and_then(|file| file.read(|| true)).map_err(|error| {
        Error::new(format!("cannot read {what} '{}': {error}", path.display())).hint(match &error {
            FileError::Io(_) => "check the path and that you may read the file",
            FileError::TooLarge { .. } => "name another file, or give the VM more memory (--memory)",
            _ => error.hint(),
        })
    })
}

fn make_pool(args: &Run) -> Result<Pool, Error> {
    let spare = (args.memory.0 / 16).clamp(ByteSize::mib(1).0, ByteSize::mib(64).0);
    let size = args.machine_memory.unwrap_or(ByteSize(args.memory.0.saturating_add(spare)));
    limits::prepare(size)?;
    check_available(size, "the VM", "give the VM less memory (--memory), or stop something else")?;
    Pool::new(size).map_err(|error| {
        Error::new(format!("cannot get {size} of machine memory: {error}"))
            .hint("--machine-memory takes a size such as 512MiB")
    })
}

/// Refuses what the machine, or the control group, does not have. What it does not say is not refused.
pub(crate) fn check_available(size: ByteSize, whom: &str, hint: &str) -> Result<(), Error> {
    let Some(memory) = LinuxMemory::read() else { return Ok(()) };
    if let Some(why) = memory.lacks(size) {
        return Err(Error::new(format!("{whom} needs {size} of machine memory: {why}")).hint(hint));
    }
    if size > memory.available {
        let available = memory.available;
        return Err(Error::new(format!(
            "{whom} needs {size} of machine memory and the host has {available} available"
        ))
        .hint(hint));
    }
    Ok(())
}

/// A panic anywhere is our mistake, and its message should be readable.
fn restore_on_panic(terminal: Option<&Arc<Terminal>>) {
    if let Some(terminal) = terminal.cloned() {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            terminal.restore();
            print(panic);
        }));
    }
}

fn run_vm(
    args: &Run,
    config: Config,
    pool: &Pool,
    claim: &Claim,
    terminal: Option<&Arc<Terminal>>,
) -> Result<u8, Error> {
    let host = |error: std::io::Error| Error::new(format!("the host cannot start the VM: {error}"));
    let signals = Signals::watch(terminal.cloned()).map_err(host)?;
    let (printer, output) = console::printer();
    let name = config.name.clone();
    let current = Current::default();
    let screen = Arc::new(Screen::default());
    let output = console::spawn_output(output, Arc::clone(&screen), current.clone(), Arc::clone(&signals))
        .map_err(host)?;
    let mut guest = start(args, config, pool, &printer, &current, &signals)?;
    let escape = terminal.filter(|_| !args.no_monitor).cloned();
    if escape.is_some() {
        say(terminal, &format!("memtide: {name} runs; Ctrl-] leads to the monitor"));
    }
    let keyboard = Keyboard { guest: current.clone(), screen: Arc::clone(&screen), terminal: escape };
    keyboard.spawn().map_err(host)?;
    control::serve(claim, current.clone()).map_err(host)?;
    sandbox::keep_to(Kind::Service);

    let mut restarts = Restarts::default();
    let ended = loop {
        let ended = supervise(&guest, terminal);
        let ran = guest.started.elapsed();
        end(guest);
        let reboots = ended == Ended::RebootRequested && args.on_reboot == Afterwards::Restart;
        if !reboots || signals.first().is_some() {
            break ended;
        }
        restarts = restarts.after(ran);
        say(terminal, &format!("memtide: {name} reboots"));
        let deadline = Instant::now() + restarts.wait();
        while Instant::now() < deadline && signals.first().is_none() {
            std::thread::sleep(TICK);
        }
        guest = start(args, read_config(args, &name)?, pool, &printer, &current, &signals)?;
    };
    drop(printer);
    screen.show();
    let dropped = last_words(output);
    terminal.inspect(|terminal| terminal.restore());
    if dropped > 0 {
        eprintln!("memtide: {name}: {dropped} bytes of output were lost: nobody read them in time");
    }
    exit_status(&name, ended, signals.first())
}

/// Starts the guest, which whoever asks for it finds from then on.
fn start(
    args: &Run,
    config: Config,
    pool: &Pool,
    printer: &Printer,
    current: &Current,
    signals: &Signals,
) -> Result<Arc<Guest>, Error> {
    let backing = Backing::reserved(VmId(1), config.memory.pages());
    let printers = (Box::new(printer.clone()), Box::new(printer.clone()));
    let vm = Vm::start(&config, pool, VmId(1), backing, printers.0, printers.1).map_err(explain_start)?;
    vm.keep_at_reset(args.on_reboot == Afterwards::Keep);
    // The guest has its kernel and initrd; these are copies.
    drop(config);
    let guest = Arc::new(Guest {
        vm: Arc::new(vm),
        kernel: args.kernel.display().to_string(),
        command_line: args.append.clone(),
        started: Instant::now(),
        lease: None,
    });
    current.set(&guest);
    signals.concern(&guest);
    Ok(guest)
}

/// Waits until nobody asks the guest for anything any more, and gives back its memory.
fn end(mut guest: Arc<Guest>) {
    while let Err(shared) = Arc::try_unwrap(guest) {
        guest = shared;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the end, and says once what is wrong with the guest.
fn supervise(guest: &Arc<Guest>, terminal: Option<&Arc<Terminal>>) -> Ended {
    let mut told = None;
    loop {
        if let Some(ended) = guest.vm.wait(TICK) {
            return ended;
        }
        guest.vm.look_for_panic();
        let wrong = trouble(&guest.vm);
        if wrong.is_some() && wrong != told {
            let wrong = wrong.as_deref().unwrap_or_default();
            say(terminal, &format!("warning: {}: {wrong}", guest.vm.name()));
        }
        told = wrong.or(told);
    }
}

/// Tells the user something while the guest may have the terminal.
fn say(terminal: Option<&Arc<Terminal>>, text: &str) {
    let end = if terminal.is_some() { "\r\n" } else { "\n" };
    eprint!("{text}{end}");
}

/// Waits for the guest's last output to be shown, unless nobody takes it; gives the bytes dropped.
fn last_words(output: JoinHandle<u64>) -> u64 {
    let deadline = Instant::now() + LAST_WORDS;
    while !output.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    if output.is_finished() { output.join().unwrap_or(0) } else { 0 }
}

fn explain_start(error: StartError) -> Error {
    let hint = match &error {
        StartError::Load(LoadError::Layout(layout)) => {
            Some(format!("run it with --memory {}MiB or more", layout.minimum().0.div_ceil(1 << 20)))
        }
        StartError::Memory(MemoryError::PoolTooSmall { asked, .. }) => Some(format!(
            "run it with --machine-memory {}MiB or more, or leave that option out",
            asked.bytes().0.div_ceil(1 << 20)
        )),
        StartError::Load(LoadError::DeviceTree(_)) => Some("shorten --append".to_owned()),
        _ => None,
    };
    let error = Error::new(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The exit status as `memtide run --help` documents it.
fn exit_status(name: &str, ended: Ended, signal: Option<i32>) -> Result<u8, Error> {
    let (status, words) = match ended {
        Ended::PoweredOff => (0, "the guest powered off"),
        Ended::RebootRequested => (10, "the guest asked for a reboot"),
        Ended::GuestFailure => (11, "the guest reported a failure"),
        Ended::Stopped => match signal {
            Some(signal) => (128 + signal as u8, "stopped by a signal"),
            None => (12, "stopped"),
        },
        Ended::Failed(why) => return Err(Error::new(format!("'{name}' could not go on: {why}"))),
    };
    eprintln!("memtide: {name}: {words}");
    Ok(status)
}

//! Reading what a guest boots, without anybody else waiting for its disk.
//!
//! **Model.** A thread of its own opens a VM's kernel and initrd, which tells how large they are. Whoever starts the VM has that much memory
//! set aside; then the thread reads them in steps. Whoever waits for it leaves it when the start is cancelled, the host shuts down, or no step was made for [`PATIENCE`].
//!
//! **Bounds.** What is too large for the VM is refused before it is read (`vm::boot`). A thread whose disk hangs stays behind until the
//! disk answers, with what it has read by then; there are [`MOST`] of them at most.

use crate::core::{Core, Loading};
use crate::error::HostError;
use crate::progress::Progress;
use crate::set_aside;
use addr::ByteSize;
use files::FileError;
use model::VmSpec;
use sandbox::Kind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use vm::boot;

/// A file that gives nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often whoever waits looks whether that is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// What to do where a file is none that the host may use.
const OTHER_FILES: &str = "put the file into one of the directories of guest-files, or add another, which the host reads when it starts";
/// How many VMs' files may be read at the same time.
const MOST: usize = 64;

/// What a guest boots, as it lies on disk.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) kernel: Vec<u8>,
    pub(crate) initrd: Option<Vec<u8>>,
}

/// How many threads read. One for a host.
#[derive(Default)]
pub(crate) struct Readers(Arc<()>);

/// What a thread says.
enum Said {
    /// So much is to be read, once there is memory for it.
    Opened(ByteSize),
    /// It is done.
    Done(Result<Contents, HostError>),
}

/// What a reading thread and whoever waits for it tell each other.
struct Reading {
    said: SyncSender<Said>,
    steps: AtomicU64,
    /// The kernel was read.
    at_initrd: AtomicBool,
    /// There is memory for it.
    may_read: AtomicBool,
    given_up: AtomicBool,
}

impl Reading {
    fn new(said: SyncSender<Said>) -> Self {
        Self {
            said,
            steps: AtomicU64::new(0),
            at_initrd: AtomicBool::new(false),
            may_read: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        }
    }

    /// Says how much is to be read, and waits until it may be.
    fn asks(&self, size: ByteSize) -> Result<(), FileError> {
        // Nobody waits any more, perhaps.
        let _ = self.said.send(Said::Opened(size));
        while !self.may_read.load(Ordering::Acquire) {
            if self.given_up.load(Ordering::Relaxed) {
                return Err(FileError::GivenUp);
            }
            thread::park_timeout(LOOK);
        }
        Ok(())
    }

    /// Says that a step follows; gives whether it is wanted.
    fn goes_on(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed);
        !self.given_up.load(Ordering::Relaxed)
    }
}

/// Reads what `spec` boots; the memory that it takes is set aside as long as the second part is kept.
pub(crate) fn read<'a>(
    core: &'a Core,
    spec: &VmSpec,
    progress: &Progress,
) -> Result<(Contents, Option<Loading<'a>>), HostError> {
    let ends = || if core.wakeup.is_stopping() { Err(HostError::ShuttingDown) } else { progress.check() };
    let mut loading = None;
    let mut set_aside = |size| {
        loading = Some(set_aside::for_files(core, spec, size, progress)?);
        Ok(())
    };
    let mut waiter = Waiter { ends: &ends, set_aside: &mut set_aside, patience: PATIENCE };
    let contents = read_with(&core.readers, spec, &mut waiter, read_both)?;
    Ok((contents, loading))
}

/// What whoever waits does meanwhile.
struct Waiter<'a> {
    /// Says whether it is still wanted.
    ends: &'a dyn Fn() -> Result<(), HostError>,
    /// Sets memory aside.
    set_aside: &'a mut dyn FnMut(ByteSize) -> Result<(), HostError>,
    patience: Duration,
}

fn read_with(
    readers: &Readers,
    spec: &VmSpec,
    waiter: &mut Waiter<'_>,
    work: fn(&VmSpec, &Reading) -> Result<Contents, HostError>,
) -> Result<Contents, HostError> {
    let failed = |error| HostError::io(format!("cannot start VM '{}'", spec.name), error);
    if Arc::strong_count(&readers.0) > MOST {
        return Err(failed(std::io::Error::other(format!("the files of {MOST} VMs are being read already"))));
    }
    let (said, heard) = sync_channel(2);
    let (reading, counted) = (Arc::new(Reading::new(said)), Arc::clone(&readers.0));
    let (theirs, moved) = (Arc::clone(&reading), spec.clone());
    let thread = thread::Builder::new().name(format!("{}-files", spec.name));
    let spawned = thread.spawn(move || {
        let done = work(&moved, &theirs);
        // Nobody waits any more, perhaps.
        let _ = theirs.said.send(Said::Done(done));
        drop(counted);
    });
    spawned.map_err(failed)?;
    let outcome = wait(&heard, &reading, waiter);
    reading.given_up.store(true, Ordering::Relaxed);
    outcome.unwrap_or_else(|silent| {
        let (what, path) = match (&spec.initrd, reading.at_initrd.load(Ordering::Relaxed)) {
            (Some(initrd), true) => ("initrd", initrd),
            _ => ("kernel", &spec.kernel),
        };
        Err(failure(spec, what, path, silent))
    })
}

/// Waits for the thread; `Err` if it gets nowhere.
fn wait(
    heard: &Receiver<Said>,
    reading: &Reading,
    waiter: &mut Waiter<'_>,
) -> Result<Result<Contents, HostError>, FileError> {
    let (mut steps, mut since) = (0, Instant::now());
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(Said::Done(read)) => return Ok(read),
            Ok(Said::Opened(size)) => {
                if let Err(refused) = (waiter.set_aside)(size) {
                    return Ok(Err(refused));
                }
                reading.may_read.store(true, Ordering::Release);
                since = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
        if let Err(ended) = (waiter.ends)() {
            return Ok(Err(ended));
        }
        let now = reading.steps.load(Ordering::Relaxed);
        if now != steps {
            (steps, since) = (now, Instant::now());
        } else if since.elapsed() >= waiter.patience {
            return Err(FileError::Silent(waiter.patience));
        }
    }
}

fn read_both(spec: &VmSpec, reading: &Reading) -> Result<Contents, HostError> {
    sandbox::keep_to(Kind::Memory);
    let initrd = spec.initrd.as_ref().map(|path| ("initrd", path));
    for (what, path) in [("kernel", &spec.kernel)].into_iter().chain(initrd) {
        if !sandbox::may_read(path) {
            let what = format!("cannot read the {what} of VM '{}'", spec.name);
            return Err(HostError::Kept { what, path: path.clone(), hint: OTHER_FILES });
        }
    }
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| failure(spec, what, &path, source)
    };
    let kernel = boot::open_kernel(&spec.kernel, spec.memory_bytes);
    let kernel = kernel.map_err(failed("kernel", &spec.kernel))?;
    let initrd = spec.initrd.as_deref().map(|path| {
        boot::open_initrd(path, spec.memory_bytes).map_err(failed("initrd", path)).map(|file| (path, file))
    });
    let initrd = initrd.transpose()?;
    // Both sizes are known from here on, and nothing was read.
    let size = kernel.size().0 + initrd.as_ref().map_or(0, |(_, file)| file.size().0);
    reading.asks(ByteSize(size)).map_err(failed("kernel", &spec.kernel))?;
    let kernel = kernel.read(|| reading.goes_on()).map_err(failed("kernel", &spec.kernel))?;
    reading.at_initrd.store(true, Ordering::Relaxed);
    let initrd = initrd.map(|(path, file)| file.read(|| reading.goes_on()).map_err(failed("initrd", path)));
    Ok(Contents { kernel, initrd: initrd.transpose()? })
}

fn failure(spec: &VmSpec, what: &'static str, path: &Path, source: FileError) -> HostError {
    HostError::GuestFile { name: spec.name.clone(), what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ProblemCode;

    fn spec() -> VmSpec {
        VmSpec::new("a", ByteSize::mib(64), "/kernel")
    }

    /// Reads by `work`, as if there was memory for everything.
    fn read(
        readers: &Readers,
        patience: Duration,
        ends: &dyn Fn() -> Result<(), HostError>,
        work: fn(&VmSpec, &Reading) -> Result<Contents, HostError>,
    ) -> Result<Contents, HostError> {
        read_with(readers, &spec(), &mut Waiter { ends, set_aside: &mut |_| Ok(()), patience }, work)
    }

    /// A disk that does not answer before it is known that nobody waits.
    fn hangs(_: &VmSpec, reading: &Reading) -> Result<Contents, HostError> {
        while !reading.given_up.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        Err(HostError::Cancelled)
    }

    /// One that gives little at a time, and is done in the end.
    #[expect(clippy::unnecessary_wraps, reason = "others fail")]
    fn drips(_: &VmSpec, reading: &Reading) -> Result<Contents, HostError> {
        for _ in 0..20 {
            assert!(reading.goes_on());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Contents { kernel: vec![1], initrd: None })
    }

    /// One that asks before it reads.
    fn asks(spec: &VmSpec, reading: &Reading) -> Result<Contents, HostError> {
        let asked = reading.asks(ByteSize(7));
        asked.map_err(|source| failure(spec, "kernel", &spec.kernel, source))?;
        Ok(Contents { kernel: vec![2], initrd: None })
    }

    fn none_reads(readers: &Readers) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while Arc::strong_count(&readers.0) > 1 {
            assert!(Instant::now() < deadline, "a thread is left");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn who_waits_for_a_file_that_hangs_can_leave_it() {
        let readers = Readers::default();
        let begun = Instant::now();
        let cancelled = || if begun.elapsed() > LOOK { Err(HostError::Cancelled) } else { Ok(()) };
        let error = read(&readers, PATIENCE, &cancelled, hangs).unwrap_err();
        assert!(matches!(error, HostError::Cancelled), "{error}");
        let error = read(&readers, PATIENCE, &|| Err(HostError::ShuttingDown), hangs);
        assert!(matches!(error, Err(HostError::ShuttingDown)));
        assert!(begun.elapsed() < PATIENCE);
        none_reads(&readers);
    }

    #[test]
    fn a_file_that_gives_nothing_is_given_up_and_one_that_is_slow_is_not() {
        let readers = Readers::default();
        let error = read(&readers, Duration::from_millis(200), &|| Ok(()), hangs).unwrap_err();
        let expected =
            "cannot read the kernel '/kernel' of VM 'a': nothing more of it could be read for 0 seconds";
        assert_eq!(error.to_string(), expected);
        let slow = read(&readers, Duration::from_secs(10), &|| Ok(()), drips).unwrap();
        assert_eq!(slow.kernel, [1]);
        none_reads(&readers);
    }

    #[test]
    fn nothing_is_read_before_there_is_memory_for_it() {
        let readers = Readers::default();
        let mut asked = Vec::new();
        let mut give = |size| {
            asked.push(size);
            Ok(())
        };
        let mut waiter = Waiter { ends: &|| Ok(()), set_aside: &mut give, patience: PATIENCE };
        assert_eq!(read_with(&readers, &spec(), &mut waiter, asks).unwrap().kernel, [2]);
        assert_eq!(asked, [ByteSize(7)]);
        let mut refuse = |_| Err(HostError::ShuttingDown);
        let mut waiter = Waiter { ends: &|| Ok(()), set_aside: &mut refuse, patience: PATIENCE };
        let refused = read_with(&readers, &spec(), &mut waiter, asks);
        assert!(matches!(refused, Err(HostError::ShuttingDown)));
        none_reads(&readers);
    }

    #[test]
    fn threads_that_hang_are_bounded() {
        let readers = Readers::default();
        let held: Vec<_> = (0..MOST).map(|_| Arc::clone(&readers.0)).collect();
        let error = read(&readers, PATIENCE, &|| Ok(()), drips).unwrap_err();
        assert_eq!(error.code(), ProblemCode::Io);
        drop(held);
        read(&readers, PATIENCE, &|| Ok(()), drips).unwrap();
    }
}

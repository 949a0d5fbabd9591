use super::*;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::thread;

/// What `work` gives on a thread that keeps to `kind`.
fn on_thread<T: Send + 'static>(mode: Mode, kind: Kind, work: impl FnOnce() -> T + Send + 'static) -> T {
    let filters = Filters::new(mode).unwrap();
    let run = move || {
        filters.apply_to_process().unwrap();
        filters.apply(kind).unwrap();
        work()
    };
    thread::Builder::new().name("sandboxed".to_owned()).spawn(run).unwrap().join().unwrap()
}

fn is_refused<T>(outcome: &io::Result<T>) -> bool {
    let error = outcome.as_ref().err().and_then(io::Error::raw_os_error);
    matches!(error, Some(libc::ENOSYS | libc::EPERM))
}

#[test]
fn a_guests_thread_computes_and_uses_what_is_open_and_nothing_else() {
    let mut file = tempfile::tempfile().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    on_thread(Mode::On, Kind::Guest, move || {
        let many = vec![1u8; 8 << 20];
        file.write_all(&many).unwrap();
        thread::sleep(std::time::Duration::from_millis(1));
        assert!(is_refused(&File::open("/proc/self/status")));
        assert!(is_refused(&TcpStream::connect(address)));
        assert!(is_refused(&thread::Builder::new().spawn(|| ())));
        assert!(is_refused(&Command::new("true").spawn()));
        assert!(is_refused(&listener.accept()));
    });
}

#[test]
fn who_measures_memory_reads_files_and_changes_none() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    fs::write(&path, "there").unwrap();
    on_thread(Mode::On, Kind::Memory, move || {
        assert_eq!(fs::read_to_string(&path).unwrap(), "there");
        assert!(fs::read_to_string("/proc/thread-self/status").unwrap().contains("Seccomp:\t2"));
        assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
        assert!(is_refused(&fs::write(&path, "new")) && is_refused(&fs::remove_file(&path)));
        assert!(is_refused(&Command::new("true").spawn()));
    });
}

#[test]
fn who_answers_keeps_files_and_starts_no_program_and_asks_nobody() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || TcpStream::connect(address));
    on_thread(Mode::On, Kind::Service, move || {
        listener.accept().unwrap().0.write_all(b"hello").unwrap();
        fs::write(&path, "new").unwrap();
        fs::rename(&path, path.with_extension("old")).unwrap();
        assert_eq!(thread::spawn(|| on_thread(Mode::On, Kind::Guest, || 7)).join().unwrap(), 7);
        assert!(is_refused(&TcpStream::connect(address)) && is_refused(&UnixDatagram::unbound()));
        assert!(is_refused(&Command::new("true").spawn()));
    });
    client.join().unwrap().unwrap();
}

#[test]
fn who_tells_systemd_has_a_socket_of_this_machine_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let there = UnixDatagram::bind(&path).unwrap();
    on_thread(Mode::On, Kind::Notify, move || {
        UnixDatagram::unbound().unwrap().send_to(b"READY=1", &path).unwrap();
        assert!(is_refused(&TcpListener::bind("127.0.0.1:0")));
    });
    there.recv(&mut [0; 16]).unwrap();
}

#[test]
fn what_nothing_does_is_refused_to_programs_too() {
    let filters = Filters::new(Mode::On).unwrap();
    let run = move || {
        filters.apply_to_process().unwrap();
        // No process can be traced or looked into, and nothing mounted, whoever runs this.
        let unshared = Command::new("unshare").args(["--user", "true"]).output()?;
        Ok::<_, io::Error>((Command::new("true").status()?, unshared))
    };
    let (ran, unshared) = thread::spawn(run).join().unwrap().unwrap();
    assert!(ran.success() && !unshared.status.success(), "{unshared:?}");
    assert!(String::from_utf8_lossy(&unshared.stderr).contains("not permitted"), "{unshared:?}");
}

#[test]
fn what_would_be_refused_is_done_and_stands_in_the_kernels_log() {
    on_thread(Mode::Log, Kind::Guest, || drop(TcpListener::bind("127.0.0.1:0").unwrap()));
    let log =
        Command::new("dmesg").output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let noted = |line: &str| line.contains("type=1326") && line.contains(" comm=\"sandboxed\"");
    let lines: Vec<String> =
        log.iter().flat_map(|log| log.lines()).filter(|line| noted(line)).map(str::to_owned).collect();
    if lines.is_empty() {
        return println!("skipped: the kernel's log may not be read here, or auditd has such lines instead");
    }
    let socket = format!(" syscall={} ", libc::SYS_socket);
    assert!(lines.iter().any(|line| line.contains(&socket)), "{lines:?}");
}

#[test]
fn a_thread_cannot_leave_and_one_kind_lies_within_another() {
    let numbers = |kind: Kind| kind.calls().into_iter().map(|call| call.number).collect::<Vec<_>>();
    let (guest, memory, service) = (numbers(Kind::Guest), numbers(Kind::Memory), numbers(Kind::Service));
    assert!(
        guest.iter().all(|call| memory.contains(call)) && memory.iter().all(|call| service.contains(call))
    );
    on_thread(Mode::On, Kind::Guest, || {
        Filters::new(Mode::On).unwrap().apply(Kind::Service).unwrap();
        assert!(is_refused(&File::open("/proc/self/status")));
    });
    for kind in Kind::ALL {
        let (calls, before) = (numbers(kind), numbers(kind).len());
        let once: std::collections::BTreeSet<_> = calls.into_iter().collect();
        assert_eq!(once.len(), before, "{kind:?} names a call twice");
    }
}

#[test]
fn without_a_sandbox_nothing_is_refused() {
    keep_to(Kind::Guest);
    assert!(File::open("/proc/self/status").is_ok());
}

#[test]
fn errors_are_such_that_the_c_library_does_without() {
    let error = on_thread(Mode::On, Kind::Guest, || File::open("/proc/self/status").unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

//! What is named as a guest's kernel or initrd may be anything: it costs that one start, and nothing else.

mod guests;

use addr::ByteSize;
use guests::Under;
use host::{HostError, Kind};
use model::{Power, ProblemCode, VmChange, VmSpec};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

const MEMORY: ByteSize = ByteSize::mib(128);

/// The most memory this process has had.
fn peak() -> ByteSize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    ByteSize::kib(line.trim().strip_suffix(" kB").unwrap().parse().unwrap())
}

#[test]
fn a_file_that_cannot_be_a_guests_is_refused_before_it_costs_anything() {
    let host = Under::new(MEMORY);
    let dir = tempfile::tempdir().unwrap();
    let sparse = dir.path().join("sparse");
    File::create(&sparse).unwrap().set_len(15 << 40).unwrap();
    let large = dir.path().join("large");
    File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    let small = dir.path().join("small");
    std::fs::write(&small, "no kernel").unwrap();
    host.create(VmSpec::new("a", ByteSize::mib(64), "/nowhere")).unwrap();
    let before = peak();
    let refusals = [
        (sparse.as_path(), "it has 15 TiB, and 64 MiB are the most it may have"),
        (&large, "and 64 MiB are the most it may have"),
        (Path::new("/dev/zero"), "it is a device and not a file"),
        (&pipe, "it is a named pipe and not a file"),
        (dir.path(), "it is a directory and not a file"),
        (Path::new("/proc/kcore"), ""),
    ];
    for (path, why) in refusals {
        for as_kernel in [true, false] {
            let (kernel, initrd) = if as_kernel { (path, None) } else { (small.as_path(), Some(path)) };
            let change = VmChange {
                kernel: Some(kernel.to_owned()),
                initrd: Some(initrd.map(Path::to_owned)),
                ..VmChange::default()
            };
            host.set("a", &change).unwrap();
            let begun = Instant::now();
            let error = host.start("a").unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::Mistake, ProblemCode::GuestFile), "{error}");
            let what = if as_kernel { "the kernel" } else { "the initrd" };
            let said = error.to_string();
            assert!(said.contains(what) && said.contains(why) && error.hint().is_some(), "{said}");
            assert!(begun.elapsed() < Duration::from_secs(20), "{said}: {:?}", begun.elapsed());
            assert_eq!(host.info("a").unwrap().power, Power::Stopped);
        }
    }
    assert!(peak().0 < before.0 + (16 << 20), "{} after {before}", peak());
    // A file that could be one is read, and judged by what is in it.
    let change = VmChange { kernel: Some(small), initrd: Some(None), ..VmChange::default() };
    host.set("a", &change).unwrap();
    assert!(matches!(host.start("a"), Err(HostError::Guest { .. })));
    host.audit().unwrap();
}

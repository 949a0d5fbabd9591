//! The host's own files may be anything, and its disk may take nothing: that costs what is in the file, and nothing else.

mod guests;

use addr::ByteSize;
use guests::{PATIENCE, Under, config};
use host::{Host, Kind, Stop};
use model::{FileState, PoolSpec, Power, ProblemCode, VmChange, VmSpec};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MEMORY: ByteSize = ByteSize::mib(192);
const SIZE: ByteSize = ByteSize::mib(48);

#[track_caller]
fn wait_until(host: &Under, what: &str, so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "not so: {what}\n{}", host.told());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn state(host: &Under, file: &str) -> PathBuf {
    host.dir.path().join("state").join(file)
}

/// The host after its end and a new start.
fn again(host: Under) -> Under {
    host.host.shutdown();
    let dir = host.dir;
    let host = Host::open(&config(dir.path(), MEMORY)).unwrap();
    Under { host, dir }
}

fn alarms(host: &Host) -> Vec<String> {
    host.alarms().into_iter().map(|alarm| format!("{} {}", alarm.rule, alarm.value)).collect()
}

fn told(host: &Host, event: &str, file: &Path) -> usize {
    let file = format!("{:?}", file.display().to_string());
    let said = |what: &model::What| what.name() == event && format!("{what:?}").contains(&file);
    host.events_since(0).iter().filter(|told| said(&told.what)).count()
}

#[test]
fn one_bad_file_is_one_vm_and_is_taken_in_once_it_is_mended() {
    let host = Under::new(MEMORY);
    host.create_pool(PoolSpec::new("lab")).unwrap();
    for name in ["good", "bad", "inside"] {
        let pool = (name == "inside").then(|| "lab".to_owned());
        host.create(VmSpec { pool, ..host.sleeper(name, SIZE) }).unwrap();
    }
    let bad = state(&host, "vms/bad.toml");
    let text = fs::read_to_string(&bad).unwrap();
    fs::write(&bad, text.replace("memory_bytes", "memroy_bytes")).unwrap();
    fs::write(state(&host, "vms/no name.toml"), "").unwrap();
    let pools = fs::read(state(&host, "pools.toml")).unwrap();
    fs::write(state(&host, "pools.toml"), "[[pool").unwrap();
    fs::write(state(&host, "settings.toml"), "[Mem]\nIdleTax = 100\n").unwrap();

    let host = again(host);
    let power = |name: &str| host.info(name).unwrap().power;
    assert_eq!(host.list().len(), 3, "names stay taken");
    assert_eq!(
        [power("good"), power("bad"), power("inside")].map(|power| power.to_string()),
        ["stopped", "unreadable", "unreadable"]
    );
    let reason = host.info("bad").unwrap().reason.unwrap();
    assert!(reason.contains("line") && reason.contains("memroy_bytes"), "{reason}");
    let error = host.start("bad").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Mistake, ProblemCode::Unreadable));
    assert!(error.to_string().contains("memroy_bytes") && error.hint().is_some(), "{error}");
    assert_eq!(host.set("bad", &VmChange::default()).unwrap_err().code(), ProblemCode::Unreadable);
    assert_eq!(host.create(VmSpec::new("bad", SIZE, "/Image")).unwrap_err().code(), ProblemCode::Exists);
    assert_eq!(host.stop("bad", Stop::Now).unwrap().to_string(), "stopped");
    assert_eq!(host.create_pool(PoolSpec::new("new")).unwrap_err().code(), ProblemCode::BadFile);
    assert_eq!(host.set_setting("Mem.IdleTax", 5).unwrap_err().code(), ProblemCode::BadFile);
    assert_eq!(host.setting("Mem.IdleTax").unwrap().value, host.setting("Mem.IdleTax").unwrap().default);
    // Others do not feel it.
    host.start("good").unwrap();
    wait_until(&host, "the alarm", || alarms(&host).contains(&"host-files unreadable".to_owned()));
    let status = host.wait_for("the troubles are shown", |status| status.file_troubles.len() == 5);
    assert!(status.file_troubles.iter().all(|trouble| trouble.state == FileState::Unreadable));
    assert_eq!(told(&host, "file-trouble", &bad), 1);

    fs::write(state(&host, "pools.toml"), pools).unwrap();
    wait_until(&host, "the pool and its VM are there", || power("inside") == Power::Stopped);
    assert_eq!(host.pools().len(), 1);
    fs::write(&bad, &text).unwrap();
    wait_until(&host, "the VM is there", || power("bad") == Power::Stopped);
    fs::write(state(&host, "settings.toml"), "[Mem]\nIdleTax = 50\n").unwrap();
    wait_until(&host, "the setting counts", || host.setting("Mem.IdleTax").unwrap().value == 50);
    fs::remove_file(state(&host, "vms/no name.toml")).unwrap();
    wait_until(&host, "no alarm of files", || {
        alarms(&host).iter().all(|alarm| !alarm.starts_with("host-files"))
    });
    assert_eq!(told(&host, "file-good", &bad), 1);
    host.set("bad", &VmChange { limit_bytes: Some(Some(SIZE)), ..VmChange::default() }).unwrap();
    host.start("bad").unwrap();
    host.audit().unwrap();
}

#[test]
fn a_vm_that_cannot_be_read_can_be_removed_whatever_its_file_is() {
    let host = Under::new(MEMORY);
    host.shutdown();
    let files = ["directory", "pipe", "loop", "large"].map(|name| state(&host, &format!("vms/{name}.toml")));
    fs::create_dir(&files[0]).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &files[1], 0o600.into()).unwrap();
    std::os::unix::fs::symlink(&files[2], &files[2]).unwrap();
    fs::File::create(&files[3]).unwrap().set_len(1 << 40).unwrap();
    let host = again(host);
    assert_eq!(host.list().iter().filter(|vm| vm.power == Power::Unreadable).count(), 4);
    for name in ["directory", "pipe", "loop", "large"] {
        host.remove(name).unwrap();
        host.create(VmSpec::new(name, SIZE, "/Image")).unwrap();
    }
    // One whose file is removed by hand is gone.
    let host = {
        fs::write(&files[0], "").unwrap();
        again(host)
    };
    assert_eq!(host.info("directory").unwrap().power, Power::Unreadable);
    fs::remove_file(&files[0]).unwrap();
    wait_until(&host, "it is gone", || host.info("directory").is_err());
}

#[test]
fn what_the_host_keeps_by_itself_is_written_as_soon_as_it_can_be() {
    let host = Under::new(MEMORY);
    host.create(host.sleeper("a", SIZE)).unwrap();
    // What cannot be removed or replaced by a file, even by who may do everything.
    let blocked = [state(&host, "alarms.toml.new"), state(&host, "vms/a.toml.new")];
    for path in &blocked {
        fs::create_dir_all(path.join("full")).unwrap();
    }
    let error = host.set("a", &VmChange { cpus: Some(2), ..VmChange::default() }).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Internal, ProblemCode::NotKept), "{error}");
    assert!(error.hint().unwrap().starts_with("nothing was changed"), "{error}");
    assert_eq!(host.info("a").unwrap().spec.cpus, 1);
    // An alarm has to be written: about another file, which cannot be read.
    host.note_file(Path::new("/elsewhere"), Some((FileState::Unreadable, "for the test".to_owned())));
    wait_until(&host, "the alarm", || alarms(&host).contains(&"host-files unwritten".to_owned()));
    let file = state(&host, "alarms.toml");
    assert_eq!(told(&host, "file-trouble", &file), 1);
    assert!(!file.exists());
    for path in &blocked {
        fs::remove_dir_all(path).unwrap();
    }
    wait_until(&host, "it is written", || told(&host, "file-good", &file) == 1);
    wait_until(&host, "the alarm is eased", || alarms(&host) == ["host-files unreadable"]);
    wait_until(&host, "that is kept", || fs::read_to_string(&file).unwrap().contains("host-files"));
    host.set("a", &VmChange { cpus: Some(2), ..VmChange::default() }).unwrap();
}

#[test]
fn swap_directories_are_made_again_or_named() {
    let host = Under::new(MEMORY);
    let swap = host.dir.path().join("swap");
    let gone = host.dir.path().join("gone");
    host.create(host.sleeper("a", SIZE)).unwrap();
    host.create(VmSpec { swap_dir: Some(gone.clone()), ..host.sleeper("b", SIZE) }).unwrap();
    fs::remove_dir_all(&swap).unwrap();
    host.start("a").unwrap();
    assert!(swap.is_dir(), "the host's own is made again");
    let error = host.start("b").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Mistake, ProblemCode::NoSwap));
    let expected =
        format!("VM 'b' cannot start: there is no directory '{}' for its swap file", gone.display());
    assert_eq!(error.to_string(), expected);
    fs::write(&gone, "").unwrap();
    assert!(host.start("b").unwrap_err().to_string().contains("is no directory"));
    // A VM that needs no swap file needs no place for one.
    let all = VmChange { reservation_bytes: Some(SIZE), ..VmChange::default() };
    host.set("b", &all).unwrap();
    host.start("b").unwrap();
    // A running VM's file has no name, so the directory may go; it is made again though nobody asks.
    fs::remove_dir_all(&swap).unwrap();
    wait_until(&host, "it is made again", || swap.is_dir());
    // Where something else has its name, that is told.
    host.stop("a", Stop::Now).unwrap();
    fs::remove_dir_all(&swap).unwrap();
    fs::write(&swap, "").unwrap();
    wait_until(&host, "the alarm", || alarms(&host).contains(&"host-files unwritten".to_owned()));
    assert_eq!(host.start("a").unwrap_err().code(), ProblemCode::NoSwap);
    fs::remove_file(&swap).unwrap();
    wait_until(&host, "no alarm of files", || {
        alarms(&host).iter().all(|alarm| !alarm.starts_with("host-files"))
    });
    host.start("a").unwrap();
    host.audit().unwrap();
}

#[test]
fn a_host_starts_without_a_directory_for_swap_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("swap"), "").unwrap();
    let host = Under { host: Host::open(&config(dir.path(), MEMORY)).unwrap(), dir };
    let reserved = VmSpec { reservation_bytes: SIZE, ..host.sleeper("reserved", SIZE) };
    host.create(reserved).unwrap();
    host.create(host.sleeper("swaps", SIZE)).unwrap();
    host.start("reserved").unwrap();
    assert_eq!(host.start("swaps").unwrap_err().code(), ProblemCode::NoSwap);
}

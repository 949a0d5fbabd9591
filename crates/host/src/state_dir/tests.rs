use super::*;
use crate::journal::Journal;
use addr::ByteSize;
use model::Mmu;
use model::ProblemCode;
use proptest::prelude::*;
use sched::Shares;
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(dir: &TempDir) -> Result<StateDir, HostError> {
    StateDir::open(&dir.path().join("state"), Arc::new(FileTroubles::new(Arc::<Journal>::default())))
}

fn spec() -> VmSpec {
    VmSpec {
        cpus: 2,
        mmu: Mmu::Automatic,
        initrd: Some("/boot/initrd".into()),
        append: "console=ttyS0 quiet=\"a b\"".into(),
        reservation_bytes: ByteSize::mib(64),
        limit_bytes: Some(ByteSize::mib(128)),
        shares: Shares::Custom(77),
        pool: Some("tests".into()),
        balloon_max_bytes: Some(ByteSize::mib(32)),
        sharing: false,
        salt: Some("s".into()),
        swap_dir: Some("/var/swap".into()),
        zip: false,
        ..VmSpec::new("web-1", ByteSize::mib(256), "/boot/Image")
    }
}

/// The specs found, and why others cannot be read.
fn vms(found: &Found) -> (Vec<&VmSpec>, Vec<&str>) {
    let good = found.vms.iter().filter_map(|vm| vm.spec.as_ref().ok());
    let bad = found.vms.iter().filter_map(|vm| vm.spec.as_ref().err());
    (good.collect(), bad.map(String::as_str).collect())
}

#[test]
fn what_was_written_is_read_by_the_next_host() {
    let dir = dir();
    let state = open(&dir).unwrap();
    let pool = PoolSpec { shares: Shares::High, expandable: false, ..PoolSpec::new("tests") };
    let mut settings = Settings::default();
    settings.set("Mem.IdleTax", 50).unwrap();
    state.create_vm(&spec()).unwrap();
    state.write_pools([&pool].into_iter()).unwrap();
    state.write_settings(&settings).unwrap();
    drop(state);

    let state = open(&dir).unwrap();
    let found = state.read().unwrap();
    assert_eq!(vms(&found), (vec![&spec()], vec![]));
    assert_eq!(found.pools, [pool]);
    assert_eq!(found.settings, settings);
    assert!(found.unreadable.is_empty());
    let text = fs::read_to_string(state.settings_file()).unwrap();
    assert_eq!(text, "[Mem]\nIdleTax = 50\n", "only what differs, under its own name");
    state.remove_vm("web-1").unwrap();
    assert!(state.read().unwrap().vms.is_empty());
}

#[test]
fn one_directory_has_one_host_and_is_its_users_alone() {
    let dir = dir();
    // As hosts of before left it.
    fs::create_dir(dir.path().join("state")).unwrap();
    fs::write(dir.path().join("state/lock"), "").unwrap();
    let first = open(&dir).unwrap();
    assert!(matches!(open(&dir), Err(HostError::Locked(_))));
    drop(first);
    open(&dir).unwrap();
    let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state/lock"), mode("state/vms")), (0o600, 0o700));
    let new = self::dir();
    open(&new).unwrap();
    assert_eq!(fs::metadata(new.path().join("state")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_file_that_makes_no_sense_is_one_vm_and_is_named_with_the_field() {
    let dir = dir();
    let state = open(&dir).unwrap();
    state.create_vm(&VmSpec { pool: None, ..VmSpec::new("other", ByteSize::mib(64), "/Image") }).unwrap();
    let good = toml::to_string_pretty(&spec()).unwrap();
    for (text, parts) in [
        (format!("{good}\nmemroy_bytes = 4\n"), ["memroy_bytes", "line"]),
        (good.replace("cpus = 2", "cpus = 200"), ["200", "CPUs"]),
        (good.replace("cpus = 2", "cpus = \"two\""), ["two", "line"]),
        (good.replace("web-1", "web-2"), ["web-2", "name"]),
        (good.replace("shares = 77", "shares = \"lots\""), ["lots", "line"]),
        (good.replace("/boot/Image", "/boot/\\u001b[2J"), ["kernel", "\\u{1b}"]),
        (good.replace("/boot/Image", "Image"), ["kernel", "no absolute path"]),
        (String::new(), ["name", "missing field"]),
        ("x".repeat(65 << 10), ["65 KiB", "the most it may have"]),
    ] {
        fs::write(state.vm_file("web-1"), text).unwrap();
        let found = state.read().unwrap();
        let (readable, why) = vms(&found);
        assert_eq!(readable.len(), 1, "{why:?}");
        assert!(parts.iter().all(|part| why[0].contains(part)), "{}", why[0]);
        assert!(found.unreadable.is_empty());
    }
}

#[test]
fn what_is_no_file_is_told_and_waited_for_by_nobody() {
    let dir = dir();
    let state = open(&dir).unwrap();
    let path = state.vm_file("web-1");
    let mistakes: [fn(&Path); 5] = [
        |path| fs::create_dir(path).unwrap(),
        |path| rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).unwrap(),
        |path| std::os::unix::fs::symlink(path, path).unwrap(),
        |path| std::os::unix::fs::symlink("/nowhere", path).unwrap(),
        |path| fs::write(path, b"\xff\xfe").unwrap(),
    ];
    for mistake in mistakes {
        mistake(&path);
        let found = state.read().unwrap();
        assert_eq!((vms(&found).0.len(), vms(&found).1.len()), (0, 1));
        assert!(state.create_vm(&spec()).is_err(), "its name is taken");
        state.remove_vm("web-1").unwrap();
        assert!(state.read().unwrap().vms.is_empty());
    }
    for name in ["a b.toml", ".toml", "none.toml"] {
        fs::write(dir.path().join("state/vms").join(name), "").unwrap();
    }
    let found = state.read().unwrap();
    // What has no extension but a dot is none of ours.
    assert_eq!((found.vms.len(), found.unreadable.len()), (0, 2), "{:?}", found.unreadable);
}

#[test]
fn what_cannot_be_read_is_told_and_stays_as_it_is() {
    let dir = dir();
    let state = open(&dir).unwrap();
    let garbage = b"\x00\xffgarbage";
    let names = ["settings.toml", "pools.toml", "alarm-rules.toml", "alarms.toml"];
    let file = |name: &str| dir.path().join("state").join(name);
    for name in names {
        fs::write(file(name), garbage).unwrap();
    }
    let found = state.read().unwrap();
    assert_eq!(found.unreadable.len(), names.len(), "{:?}", found.unreadable);
    assert_eq!((found.settings, found.pools.len()), (Settings::default(), 0));
    assert_eq!(found.alarms.rules, default_rules());
    for (file, why) in &found.unreadable {
        state.troubles.note(file, FileState::Unreadable, why);
    }
    // Nobody's work is written over.
    let refused = [
        state.write_settings(&Settings::default()),
        state.write_pools([].into_iter()),
        state.write_alarm_rules([].into_iter()),
    ];
    for refusal in refused {
        assert_eq!(refusal.unwrap_err().code(), ProblemCode::BadFile);
    }
    names[..3].iter().for_each(|name| assert_eq!(fs::read(file(name)).unwrap(), garbage));
    // What the host writes by itself is moved aside, each time to another place.
    state.write_alarms(&Alarms::default()).unwrap();
    assert_eq!(fs::read(file("alarms.toml.bad")).unwrap(), garbage);
    fs::write(file("alarms.toml"), "more garbage").unwrap();
    state.read().unwrap();
    assert_eq!(fs::read(file("alarms.toml.bad")).unwrap(), garbage);
    assert_eq!(fs::read_to_string(file("alarms.toml.bad1")).unwrap(), "more garbage");
}

#[test]
fn pools_that_do_not_go_together_cannot_be_read() {
    let dir = dir();
    let state = open(&dir).unwrap();
    for (text, why) in [
        ("[[pool]]\nname = 'a'\n[[pool]]\nname = 'a'\n", "two named 'a'"),
        ("[[pool]]\nname = 'a'\nparent = 'b'\n", "no resource pool 'b'"),
        ("[[pool]]\nname = 'a'\nlimit_bytes = 5\n", "limit"),
    ] {
        fs::write(state.pools_file(), text).unwrap();
        let error = state.read_pools().unwrap_err().to_string();
        assert!(error.contains("pools.toml") && error.contains(why), "{error}");
    }
}

#[test]
fn a_change_that_cannot_be_written_is_refused_with_what_to_do() {
    let dir = dir();
    let state = open(&dir).unwrap();
    fs::remove_dir(dir.path().join("state/vms")).unwrap();
    let error = state.create_vm(&spec()).unwrap_err();
    assert_eq!(error.code(), ProblemCode::NotKept);
    assert!(error.hint().unwrap().starts_with("nothing was changed"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_write_that_was_interrupted_leaves_the_old_file(written in 0usize..400) {
        // Whatever was written of the new file, it is not in place before all of it is.
        let dir = dir();
        let state = open(&dir).unwrap();
        state.create_vm(&spec()).unwrap();
        let new = toml::to_string_pretty(&VmSpec { cpus: 7, ..spec() }).unwrap();
        let mut temporary = state.vm_file("web-1").into_os_string();
        temporary.push(".new");
        fs::write(temporary, &new.as_bytes()[..written.min(new.len())]).unwrap();
        let found = state.read().unwrap();
        prop_assert_eq!(vms(&found).0, [&spec()]);
        state.write_vm(&VmSpec { cpus: 3, ..spec() }).unwrap();
        prop_assert_eq!(vms(&state.read().unwrap()).0[0].cpus, 3);
    }
}

#[test]
fn who_is_wanted_on_is_kept_and_taken_over_from_a_version_before() {
    let dir = dir();
    let state = open(&dir).unwrap();
    state.write_vm(&spec()).unwrap();
    let files = state.wanted_files();
    let names = || files.read().unwrap().0.into_iter().collect::<Vec<_>>();
    files.write("web-1", false).unwrap();
    assert_eq!(names(), [""; 0]);
    files.write("web-1", true).unwrap();
    files.write("web-1", true).unwrap();
    assert_eq!(names(), ["web-1"]);
    files.write("web-1", false).unwrap();

    let before = dir.path().join("state/running.toml");
    fs::write(&before, "vms = ['gone', 'web-1']\n").unwrap();
    assert_eq!(names(), ["web-1"], "what ran, as far as it is there");
    assert!(!before.exists());
    files.write("web-1", false).unwrap();
    assert_eq!(names(), [""; 0], "it was taken over once");

    fs::write(&before, [0xff, 0, 7]).unwrap();
    let (names, trouble) = files.read().unwrap();
    assert!(names.is_empty() && trouble.is_some_and(|error| error.to_string().contains("running.toml")));
    drop(state);
    assert!(matches!(open(&dir), Err(HostError::Locked(_))), "the files keep others away");
    drop(files);
    open(&dir).unwrap();
}

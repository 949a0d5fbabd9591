use super::*;
use addr::ByteSize;
use proptest::prelude::*;
use sched::Shares;
use tempfile::TempDir;
use vm::MmuChoice;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn spec() -> VmSpec {
    VmSpec {
        cpus: 2,
        mmu: MmuChoice::Automatic,
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

#[test]
fn what_was_written_is_read_by_the_next_host() {
    let dir = dir();
    let state = StateDir::open(dir.path()).unwrap();
    let pool = PoolSpec { shares: Shares::High, expandable: false, ..PoolSpec::new("tests") };
    let mut settings = Settings::default();
    settings.set("Mem.IdleTax", 50).unwrap();
    state.write_vm(&spec()).unwrap();
    state.write_pools([&pool].into_iter()).unwrap();
    state.write_settings(&settings).unwrap();
    drop(state);

    let state = StateDir::open(dir.path()).unwrap();
    let found = state.read().unwrap();
    assert_eq!(found.vms, [spec()]);
    assert_eq!(found.pools, [pool]);
    assert_eq!(found.settings, settings);
    let text = fs::read_to_string(dir.path().join("settings.toml")).unwrap();
    assert_eq!(text, "[Mem]\nIdleTax = 50\n", "only what differs, under its own name");
    state.remove_vm("web-1").unwrap();
    assert_eq!(state.read().unwrap().vms, []);
}

#[test]
fn one_directory_has_one_host() {
    let dir = dir();
    let first = StateDir::open(dir.path()).unwrap();
    assert!(matches!(StateDir::open(dir.path()), Err(HostError::Locked(_))));
    drop(first);
    StateDir::open(dir.path()).unwrap();
}

#[test]
fn a_file_that_makes_no_sense_is_named_with_the_field() {
    let dir = dir();
    let state = StateDir::open(dir.path()).unwrap();
    let good = toml::to_string_pretty(&spec()).unwrap();
    for (text, field) in [
        (format!("{good}\nmemroy_bytes = 4\n"), "memroy_bytes"),
        (good.replace("cpus = 2", "cpus = 200"), "200"),
        (good.replace("cpus = 2", "cpus = \"two\""), "two"),
        (good.replace("web-1", "web-2"), "web-2"),
        (good.replace("shares = 77", "shares = \"lots\""), "lots"),
    ] {
        fs::write(state.vm_file("web-1"), text).unwrap();
        let error = state.read().unwrap_err().to_string();
        assert!(error.contains("web-1.toml") && error.contains(field), "{error}");
    }
    fs::remove_file(state.vm_file("web-1")).unwrap();
    fs::write(dir.path().join("settings.toml"), "[Mem]\nIdleTax = 100\n").unwrap();
    let error = state.read().unwrap_err().to_string();
    assert!(error.contains("settings.toml") && error.contains("Mem.IdleTax cannot be 100"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_write_that_was_interrupted_leaves_the_old_file(written in 0usize..400) {
        // Whatever was written of the new file, it is not in place before all of it is.
        let dir = dir();
        let state = StateDir::open(dir.path()).unwrap();
        state.write_vm(&spec()).unwrap();
        let new = toml::to_string_pretty(&VmSpec { cpus: 7, ..spec() }).unwrap();
        let mut temporary = state.vm_file("web-1").into_os_string();
        temporary.push(TEMPORARY);
        fs::write(temporary, &new.as_bytes()[..written.min(new.len())]).unwrap();
        prop_assert_eq!(state.read().unwrap().vms, [spec()]);
        state.write_vm(&VmSpec { cpus: 3, ..spec() }).unwrap();
        prop_assert_eq!(state.read().unwrap().vms[0].cpus, 3);
    }
}

#[test]
fn who_is_wanted_on_is_kept_and_taken_over_from_a_version_before() {
    let dir = dir();
    let state = StateDir::open(dir.path()).unwrap();
    state.write_vm(&spec()).unwrap();
    let files = state.wanted_files();
    let names = || files.read().unwrap().0.into_iter().collect::<Vec<_>>();
    files.write("web-1", false).unwrap();
    assert_eq!(names(), [""; 0]);
    files.write("web-1", true).unwrap();
    files.write("web-1", true).unwrap();
    assert_eq!(names(), ["web-1"]);
    files.write("web-1", false).unwrap();

    let before = dir.path().join("running.toml");
    fs::write(&before, "vms = ['gone', 'web-1']\n").unwrap();
    assert_eq!(names(), ["web-1"], "what ran, as far as it is there");
    assert!(!before.exists());
    files.write("web-1", false).unwrap();
    assert_eq!(names(), [""; 0], "it was taken over once");

    fs::write(&before, [0xff, 0, 7]).unwrap();
    let (names, trouble) = files.read().unwrap();
    assert!(names.is_empty() && trouble.is_some_and(|error| error.to_string().contains("running.toml")));
    drop(state);
    assert!(matches!(StateDir::open(dir.path()), Err(HostError::Locked(_))), "the files keep others away");
    drop(files);
    StateDir::open(dir.path()).unwrap();
}

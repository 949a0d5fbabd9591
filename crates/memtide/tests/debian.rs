//! Boots Debian's kernel and asks about its memory while it runs.

mod support;

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Place, Running, SOON, guest};

/// How long a boot may take on a busy machine.
const BOOT: Duration = Duration::from_mins(3);

fn boot(place: &Place, [kernel, initrd]: &[String; 2], args: &[&str], commands: &str) -> Running {
    let line = format!("console=ttyS0 quiet cryptomgr.notests no4lvl {commands}");
    let fixed = ["run", "--kernel", kernel, "--initrd", initrd, "--append", &line, "--memory", "256MiB"];
    let mut command = place.memtide(&[&fixed, args].concat());
    Running::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn a_guest_runs_its_commands_and_powers_off() {
    let Some(files) = guest() else { return };
    let place = Place::new();
    let commands = "memtide.run=\"mt touch 8 2; mt forkonly 20; mt mmapstorm 20; mt exit 7\"";
    let mut vm = boot(&place, &files, &["--cpus", "2"], commands);
    assert_eq!(vm.end(BOOT).code(), Some(0), "{}", vm.said());
    let said = vm.said();
    assert!(said.contains("touch size_mib=8") || said.contains("touch "), "{said}");
    assert!(said.contains("memtide: exit 7"), "{said}");
    assert!(said.contains("the guest powered off"), "{said}");
}

#[test]
fn a_reboot_ends_the_vm_and_says_so() {
    let Some(files) = guest() else { return };
    let place = Place::new();
    let mut vm = boot(&place, &files, &["--on-reboot", "stop"], "memtide.run=\"reboot -f\"");
    assert_eq!(vm.end(BOOT).code(), Some(10), "{}", vm.said());
}

#[test]
fn a_running_guest_shows_its_memory_while_its_technique_changes() {
    let Some(files) = guest() else { return };
    let place = Place::new();
    let mut vm = boot(&place, &files, &["--cpus", "2", "--mmu", "software", "--name", "debian"], "");
    vm.expect("memtide: shell ready", BOOT);
    let mut shell = vm.child.stdin.take().unwrap();
    // In a loop, so that a user address space is in use whenever we look.
    shell.write_all(b"while mt touch 8 4; do :; done\n").unwrap();
    vm.expect("touch ", BOOT);

    let map = busy_map(&place);
    let page = &map["sample"][0];
    assert_eq!((&map["technique"], &map["space"]["mode"]), (&"software".into(), &"sv39".into()));
    assert!(page["gfn"].is_string() && map["mapped_pages"].as_u64() > Some(100), "{map}");
    assert!(map["sample"].as_array().unwrap().iter().any(|page| page["shadowed"] == true), "{map}");
    kernel_text_agrees(&place);

    let software = place.json(&["stats"]);
    for key in ["instructions", "tlb_hits", "hidden_faults", "shadow_tables_built", "guest_nanoseconds"] {
        assert!(software["software"][key].as_u64() > Some(0), "{key}: {software}");
        assert_eq!(software["hardware"][key], 0, "{key}: {software}");
    }
    place.tell(&["mmu", "hardware"]);
    std::thread::sleep(Duration::from_secs(2));
    let hardware = place.json(&["stats"]);
    for key in ["instructions", "tlb_hits", "walk_references", "switches"] {
        assert!(hardware["hardware"][key].as_u64() > Some(0), "{key}: {hardware}");
    }
    assert_eq!(hardware["hardware"]["hidden_faults"], 0);
    assert_eq!(hardware["cpus"][1]["technique"], "hardware");
    place.tell(&["move", "--pages", "100000"]);
    place.tell(&["mmu", "automatic"]);
    place.tell(&["audit"]);

    // A vCPU may be between two programs at the moment.
    let path = place.path().join("map.svg");
    let deadline = Instant::now() + BOOT;
    loop {
        place.tell(&["map", "--svg", path.to_str().unwrap()]);
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg"), "{svg}");
        if svg.matches("<rect").count() > 20 {
            break;
        }
        assert!(Instant::now() < deadline, "{svg}");
    }
    let table = place.tell(&["stats"]);
    assert!(table.contains("SOFTWARE") && table.contains("hidden faults"), "{table}");

    place.tell(&["stop", "debian"]);
    assert_eq!(vm.end(SOON).code(), Some(12), "{}", vm.said());
    assert!(!vm.said().contains("FAILED") && !vm.said().contains("mismatch"), "{}", vm.said());
}

/// A map of the processor that runs the loop, taken while a process of it is there.
#[track_caller]
fn busy_map(place: &Place) -> serde_json::Value {
    for _ in 0..200 {
        for cpu in ["0", "1"] {
            let map = place.json(&["map", "--cpu", cpu]);
            if map[0]["mapped_pages"].as_u64() > Some(1500)
                && map[0]["sample"].as_array().unwrap().iter().any(|page| page["shadowed"] == true)
            {
                return map[0].clone();
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no process was ever seen");
}

/// The kernel's text never changes, so a shadow entry of it is right whenever it is not stale.
#[track_caller]
fn kernel_text_agrees(place: &Place) {
    let mut seen = Vec::new();
    for page in 0..64 {
        let address = format!("{:x}", 0xffff_ffff_8000_0000_u64 + page * 0x1000);
        let map = place.json(&["map", "--address", &address]);
        assert_eq!(map["walk"].as_array().unwrap().len(), 2, "2 MiB leaves: {map}");
        let agreement = map["agreement"].as_str().unwrap().to_owned();
        assert_ne!(agreement, "disagree", "{map}");
        seen.push(agreement);
    }
    assert!(seen.iter().any(|agreement| agreement == "agree"), "{seen:?}");
}

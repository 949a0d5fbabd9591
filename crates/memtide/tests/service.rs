//! The host's life as a service: its configuration, what systemd is told, and what it logs.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Place, Running, SOON, create_idle, host, text};

fn string(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn spawned(mut command: Command) -> Running {
    Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// A configuration file for a host in `place`, and more lines in it.
fn configured(place: &Place, more: &str) -> String {
    let lines = format!("machine-memory = \"64MiB\"\nstate = \"{}/kept\"\n{more}", string(place.path()));
    string(&place.file("host.toml", lines.as_bytes())).to_owned()
}

#[test]
fn a_configuration_is_checked_without_touching_anything() {
    let place = Place::new();
    let file = configured(&place, "stop-deadline = \"5min\"\n");
    let check = ["host", "--check-config", "--config", &file, "--resume"];
    let checked = place.json(&check);
    assert_eq!((&checked["file"], &checked["problems"]), (&file.as_str().into(), &Value::Array(Vec::new())));
    let option = |name: &str| {
        let options = checked["options"].as_array().unwrap();
        let option = options.iter().find(|option| option["option"] == name).unwrap();
        (option["value"].as_str().unwrap().to_owned(), option["from"].as_str().unwrap().to_owned())
    };
    assert_eq!(option("resume"), ("yes".to_owned(), "command line".to_owned()));
    assert_eq!(option("stop-deadline"), ("300s".to_owned(), "file".to_owned()));
    assert_eq!(option("log-format"), ("auto".to_owned(), "default".to_owned()));
    let table = place.tell(&check);
    assert!(table.contains("machine memory: 64 MiB") && table.contains(&file), "{table}");
    assert!(!place.path().join("kept").exists(), "it was not made");

    // Nor does a host that runs so keep it from being checked.
    let mut host = spawned(place.memtide(&["host", "--config", &file]));
    host.expect("the host is ready: 64 MiB", SOON);
    place.tell(&check);
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success(), "{}", host.said());
}

#[test]
fn the_generator_sets_the_units_limit_to_what_the_host_needs() {
    let place = Place::new();
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/generator");
    let run = || {
        let mut command = Command::new(&generator);
        command.arg(place.path()).env("MEMTIDE", env!("CARGO_BIN_EXE_memtide"));
        command.env("MEMTIDE_CONFIG", place.path().join("host.toml"));
        assert!(command.status().unwrap().success());
        std::fs::read_to_string(place.path().join("memtide.service.d/10-memory-max.conf"))
    };
    assert!(run().is_err(), "nothing is known of a host without a file");
    configured(&place, "");
    // 64 MiB and 2 %, in whole pages.
    let needed = ((64 << 20) + (64 << 20) / 50) / 4096 * 4096;
    assert_eq!(run().unwrap(), format!("[Service]\nMemoryMax={needed}\n"));
}

#[test]
fn a_file_of_the_users_own_is_found() {
    let place = Place::new();
    assert!(place.tell(&["host", "--check-config"]).contains("there is no configuration file"));
    std::fs::create_dir(place.path().join("memtide")).unwrap();
    place.file("memtide/host.toml", b"machine-memory = '96MiB'\n");
    assert!(place.tell(&["host", "--check-config"]).contains("machine memory: 96 MiB"));
    place.file("memtide/host.toml", b"machine-memroy = '96MiB'\n");
    place.refused(
        &["host"],
        &["memtide/host.toml', line 1", "unknown key `machine-memroy`", "machine-memory"],
    );
}

#[test]
fn what_cannot_be_is_said_with_what_to_do() {
    let place = Place::new();
    let check = |lines: &str, parts: &[&str]| {
        let file = configured(&place, lines);
        place.refused(&["host", "--check-config", "--config", &file], parts);
    };
    let occupied = place.file("occupied", b"");
    let occupied = string(&occupied);
    check(&format!("swap = \"{occupied}/swap\""), &["swap: ", "is no directory"]);
    check("socket = \"/nowhere/host.socket\"", &["there is no directory '/nowhere'"]);
    check("socket-group = \"no-such-group\"", &["no group 'no-such-group'"]);
    check(
        &format!("listen = 0\ntls-cert = \"{occupied}\"\ntls-key = \"{occupied}\""),
        &["tls-cert: ", "no certificate"],
    );
    check("tls = true", &["tls is set and listen is not"]);
    check("resume = 1", &["host.toml', line 3", "expected a boolean"]);
    place
        .refused(&["host", "--check-config", "--machine-memory", "1000TiB"], &["more than this machine has"]);
    place.refused(&["host", "--config", "/nowhere.toml"], &["cannot read", "/nowhere.toml"]);
    // All that is wrong is listed, and a program can read it.
    let file = configured(&place, "socket = \"/nowhere/s\"\nsocket-group = \"no-such-group\"");
    let output = place.ask(&["host", "--check-config", "--config", &file, "-o", "json"]);
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), checked["problems"].as_array().unwrap().len()),
        (Some(1), 2),
        "{checked}"
    );
    assert!(!text(&output.stderr).is_empty());
}

/// Somebody who listens as systemd does.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn of(place: &Place) -> Self {
        let socket = UnixDatagram::bind(place.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { socket, told: Vec::new() }
    }

    /// Waits until something with `part` was told.
    #[track_caller]
    fn expect(&mut self, part: &str) {
        let deadline = Instant::now() + SOON;
        while !self.told.iter().any(|told| told.contains(part)) {
            assert!(Instant::now() < deadline, "'{part}' was not told: {:?}", self.told);
            self.listen();
        }
    }

    fn listen(&mut self) {
        let mut bytes = [0; 4096];
        if let Ok(count) = self.socket.recv(&mut bytes) {
            self.told.extend(text(&bytes[..count]).lines().map(str::to_owned));
        }
    }

    fn count(&self, what: &str) -> usize {
        self.told.iter().filter(|told| *told == what).count()
    }
}

#[test]
fn systemd_is_told_how_the_host_is() {
    let place = Place::new();
    let mut manager = Manager::of(&place);
    let file = configured(&place, "stop-deadline = \"7s\"\n");
    let mut command = place.memtide(&["host", "--config", &file]);
    command.env("NOTIFY_SOCKET", place.path().join("notify")).env("WATCHDOG_USEC", "5000000");
    let mut host = spawned(command);
    manager.expect("READY=1");
    // It can be asked from then on.
    create_idle(&place, "web", &["--start"]);
    manager.expect("STATUS=memory is high; 1 of 1 VMs run");
    let fed = manager.count("WATCHDOG=1");
    let begun = Instant::now();
    while manager.count("WATCHDOG=1") < fed + 3 {
        assert!(begun.elapsed() < SOON, "the watchdog is not fed: {:?}", manager.told);
        manager.listen();
    }
    assert_eq!(manager.count("STOPPING=1"), 0);
    host.signal(Signal::TERM);
    manager.expect("STOPPING=1");
    manager.expect("EXTEND_TIMEOUT_USEC=37000000");
    assert!(host.end(SOON).success(), "{}", host.said());
    assert_eq!(manager.count("READY=1"), 1);
}

#[test]
fn a_host_that_cannot_start_is_never_ready() {
    let place = Place::new();
    let mut manager = Manager::of(&place);
    let file = configured(&place, "listen = \"192.0.2.1:1\"\n");
    let mut command = place.memtide(&["host", "--config", &file]);
    let output = command.env("NOTIFY_SOCKET", place.path().join("notify")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("cannot listen at 192.0.2.1:1"), "{}", text(&output.stderr));
    manager.listen();
    assert_eq!(manager.told, Vec::<String>::new());
}

#[test]
fn a_person_is_told_no_more_than_before() {
    let place = Place::new();
    let mut host = host(&place, "64MiB", &[]);
    create_idle(&place, "web", &["--start"]);
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success());
    let said = host.said();
    // Whoever runs it as root is told not to.
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("host-exposed")).collect();
    assert!(
        lines[0].starts_with("memtide: the host is ready: 64 MiB of machine memory, 0 VMs known"),
        "{said}"
    );
    assert_eq!(
        lines[1..],
        ["memtide: ending; running: 1 VM", "memtide: web has ended", "memtide: the host has ended"]
    );
}

#[test]
fn what_happens_is_logged_with_its_facts() {
    let place = Place::new();
    let mut host = host(&place, "64MiB", &["--log-format", "json", "--log-level", "debug"]);
    create_idle(&place, "web", &["--start"]);
    place.ask(&["start", "nobody"]);
    place.tell(&["stop", "web"]);
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success());
    let said = host.said();
    let records: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |event: &str| records.iter().filter(|record| record["event"] == event).collect::<Vec<_>>();
    for event in ["vm-created", "vm-started", "vm-ended", "host-shuts-down"] {
        assert_eq!(of(event).len(), 1, "{event}: {said}");
    }
    let started = of("vm-started")[0];
    assert_eq!((&started["level"], &started["vm"]), (&"INFO".into(), &"web".into()));
    let details: Value = serde_json::from_str(started["details"].as_str().unwrap()).unwrap();
    assert_eq!(details["memory_bytes"], 64 << 20);
    assert!(
        records.iter().any(|record| record["message"].as_str().unwrap().starts_with("the host is ready"))
    );
    let asked = |path: &str| {
        let record = records.iter().find(|record| record["message"] == path);
        record.unwrap_or_else(|| panic!("{path}: {said}"))
    };
    let create = asked("POST /v1/vms: 201");
    assert_eq!((&create["level"], &create["status"]), (&"DEBUG".into(), &201.into()));
    assert!(create["request_id"].is_string() && create["milliseconds"].is_u64(), "{create}");
    assert_eq!(asked("POST /v1/vms/nobody/start: 404")["status"], 404);
}

#[test]
fn no_secret_is_ever_logged() {
    let place = Place::new();
    let more = ["--listen", "0", "--log-format", "text", "--log-level", "debug"];
    let mut host = host(&place, "64MiB", &more);
    host.expect("listening at http", SOON);
    let said = host.said();
    let address = said.split("listening at ").find(|part| part.starts_with("http")).unwrap();
    let address = address.split_whitespace().next().unwrap().to_owned();
    let token = place.tell(&["token", "create", "ci", "--role", "administer"]).trim().to_owned();
    let ask = |token: &str, args: &[&str]| {
        place.memtide(&[&["--host", &address], args].concat()).env("MEMTIDE_TOKEN", token).output().unwrap()
    };
    assert!(ask(&token, &["pool", "ls"]).status.success());
    let wrong = format!("memtide_{}", "5e".repeat(32));
    assert!(!ask(&wrong, &["pool", "ls"]).status.success());
    // Put in the wrong place.
    assert!(!ask(&token, &["token", "rm", &token]).status.success());
    create_idle(&place, "web", &["--start", "--append", "root-password=hunter2", "--salt", "pepper5"]);
    let mut typing = place.memtide(&["console", "web", "--no-follow"]);
    let mut typing = typing.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(typing.stdin.as_mut().unwrap(), b"my-secret-line\n").unwrap();
    assert!(typing.wait().unwrap().success());
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success());
    let said = host.said();
    assert!(said.contains("GET /v1/pools") && said.contains("DELETE /v1/tokens/memtide_..."), "{said}");
    for secret in [&token[8..], "5e5e5e", "hunter2", "pepper5", "my-secret-line"] {
        assert!(!said.contains(secret), "'{secret}' is in the log: {said}");
    }
}

#[test]
fn a_level_leaves_out_what_matters_less() {
    let place = Place::new();
    let mut command = place.memtide(&["host", "--config", &configured(&place, "log-level = \"debug\"\n")]);
    let mut host = spawned({
        command.env("MEMTIDE_LOG", "error");
        command
    });
    host.expect("the host is ready", SOON);
    create_idle(&place, "web", &["--start"]);
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success());
    assert!(!host.said().contains(" DEBUG ") && !host.said().contains(" INFO "), "{}", host.said());
    // Where there is no journal to log to, it says so rather than nothing.
    if !Path::new("/run/systemd/journal/socket").exists() {
        let state = place.path().join("state");
        let args = ["host", "--state", string(&state), "--log-format", "journald"];
        place.refused(&args, &["cannot log to the systemd journal", "--log-format text"]);
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = include_str!("../../../packaging/memtide.service");
    for line in [
        "Type=notify",
        "Restart=on-failure",
        "WatchdogSec=60s",
        "StateDirectory=memtide",
        "NoNewPrivileges=yes",
    ] {
        assert!(unit.lines().any(|there| there == line), "{line}");
    }
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else { return };
    assert!(version.status.success());
    // The program has to be there, and the user does not.
    let place = Place::new();
    let program = place.file("memtide", b"");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let unit = place.file("memtide.service", unit.replace("/usr/bin/memtide", string(&program)).as_bytes());
    let output =
        Command::new("systemd-analyze").args(["verify", "--man=no", string(&unit)]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

//! What people see of a host whose files are not as they should be.

mod support;

use support::{Place, SOON, create_idle, host, text};

#[test]
fn a_vm_whose_file_makes_no_sense_is_listed_and_the_rest_goes_on() {
    let place = Place::new();
    let first = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    create_idle(&place, "db", &[]);
    drop(first);
    let state = |file: &str| place.path().join("state").join(file);
    let good = std::fs::read(state("vms/web.toml")).unwrap();
    std::fs::write(state("vms/web.toml"), "name = 'web'\nmemroy = 1\n").unwrap();
    std::fs::write(state("tokens.toml"), "\x1b]0;title\x07").unwrap();
    let _host = host(&place, "128MiB", &["--listen", "0"]);
    let list = place.tell(&["ls"]);
    let line = list.lines().find(|line| line.starts_with("web ")).unwrap();
    assert!(line.contains("unreadable") && line.contains("line 2") && line.contains("memroy"), "{list}");
    assert!(!line.contains("MiB"), "{list}");
    let info = place.tell(&["info", "web"]);
    assert!(info.contains("unreadable") && info.contains("memroy = 1"), "{info}");
    let json = place.json(&["info", "web"]);
    assert_eq!(json["power"], "unreadable");
    assert!(json["reason"].as_str().unwrap().contains("line 2"), "{json}");
    place.refused(&["start", "web"], &["VM 'web' cannot be read", "memroy", "correct its file"]);
    place.refused(&["set", "web", "--cpus", "2"], &["VM 'web' cannot be read"]);
    place.refused(&["token", "create", "me"], &["tokens.toml", "not overwritten", "correct the file"]);
    place.tell(&["start", "db"]);
    let wait = |what: &str, so: &dyn Fn() -> bool| {
        let deadline = std::time::Instant::now() + SOON;
        while !so() {
            assert!(std::time::Instant::now() < deadline, "not so: {what}: {}", place.tell(&["events"]));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    wait("the alarm", &|| place.tell(&["alarms", "ls"]).contains("unreadable"));
    wait("the files are shown", &|| {
        let status = place.tell(&["top", "--count", "1", "-o", "table"]);
        status.contains("web.toml is unreadable") && status.contains("tokens.toml is unreadable")
    });
    let events = place.ask(&["events"]);
    let said = text(&events.stdout);
    assert!(said.contains("file-trouble") && !said.contains('\x1b') && !said.contains('\x07'), "{said}");
    std::fs::write(state("vms/web.toml"), good).unwrap();
    std::fs::remove_file(state("tokens.toml")).unwrap();
    wait("it is noticed", &|| place.json(&["info", "web"])["power"] == "stopped");
    place.tell(&["start", "web"]);
    wait("tokens can be made", &|| place.ask(&["token", "create", "me"]).status.success());
}

#[test]
fn without_a_certificate_a_host_runs_and_listens_once_there_is_one() {
    let place = Place::new();
    let first = host(&place, "64MiB", &["--listen", "0", "--tls"]);
    first.expect("listening at https", SOON);
    drop(first);
    let state = |file: &str| place.path().join("state").join(file);
    let good = std::fs::read(state("tls-cert.pem")).unwrap();
    std::fs::write(state("tls-cert.pem"), "no certificate").unwrap();
    let second = host(&place, "64MiB", &["--listen", "0", "--tls"]);
    assert!(!second.said().contains("listening at http"), "{}", second.said());
    second.expect("tls-cert.pem", SOON);
    create_idle(&place, "web", &[]);
    assert_eq!(std::fs::read_to_string(state("tls-cert.pem")).unwrap(), "no certificate");
    std::fs::write(state("tls-cert.pem"), good).unwrap();
    second.expect("listening at https", SOON);
}

//! Who is let in over TCP, from the command line.

mod support;

use rustix::process::Signal;
use std::process::{Output, Stdio};
use std::thread;
use std::time::Duration;
use support::{Place, Running, SOON, text};

fn host(place: &Place, more: &[&str]) -> Running {
    let state = place.path().join("state");
    let args = ["host", "--machine-memory", "64MiB", "--state", state.to_str().unwrap()];
    let mut command = place.memtide(&[&args, more].concat());
    let host = Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    host.expect("the host is ready", SOON);
    host
}

/// Where a host says that it listens.
fn address(host: &Running) -> String {
    host.expect("listening at http", SOON);
    let said = host.said();
    let line = said.lines().find(|line| line.contains("listening at http")).expect("it says so");
    let rest = &line[line.find("http").unwrap()..];
    rest.split([' ', ',']).next().unwrap().to_owned()
}

fn fingerprint(host: &Running) -> String {
    host.expect("fingerprint is ", SOON);
    let said = host.said();
    let line = said.lines().find(|line| line.contains("fingerprint is ")).expect("it says so");
    line.rsplit(' ').next().unwrap().to_owned()
}

fn ask(place: &Place, address: &str, token: &str, args: &[&str]) -> Output {
    let mut command = place.memtide(&[&["--host", address], args].concat());
    command.env("MEMTIDE_TOKEN", token).output().unwrap()
}

#[test]
fn a_token_lets_in_over_tcp_as_far_as_its_role_goes() {
    let place = Place::new();
    let host = host(&place, &["--listen", "0"]);
    let address = address(&host);
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    let token =
        |name: &str, role: &str| place.tell(&["token", "create", name, "--role", role]).trim().to_owned();
    let (viewer, administrator) = (token("viewer", "view"), token("boss", "administer"));
    assert!(viewer.starts_with("memtide_") && viewer.len() == 72, "{viewer}");

    let fails = |token: &str, args: &[&str], parts: &[&str]| {
        let output = ask(&place, &address, token, args);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{args:?}: {err}");
        for part in parts {
            assert!(err.contains(part), "{args:?} does not say '{part}': {err}");
        }
    };
    assert!(ask(&place, &address, &viewer, &["pool", "ls"]).status.success());
    fails(&viewer, &["pool", "create", "lab"], &["token viewer may view", "administer"]);
    fails("", &["pool", "ls"], &["a token is needed", "hint: "]);
    fails("memtide_0", &["pool", "ls"], &["no such token"]);
    assert!(ask(&place, &address, &administrator, &["pool", "create", "lab"]).status.success());
    let listed = place.json(&["token", "ls"]);
    assert_eq!((&listed[0]["name"], &listed[1]["role"]), (&"boss".into(), &"view".into()), "{listed}");
    assert!(place.tell(&["token", "ls"]).contains("viewer"));
    let made = place.json(&["token", "create", "short", "--lifetime", "1h"]);
    assert!(made["secret"].is_string() && made["expires_at_milliseconds"].is_u64(), "{made}");
    place.refused(&["token", "create", "short"], &["there is a token 'short' already"]);
    place.tell(&["token", "rm", "viewer", "short"]);
    place.refused(&["token", "rm", "viewer"], &["no token 'viewer'"]);
    fails(&viewer, &["pool", "ls"], &["no such token"]);
}

#[test]
fn over_tls_the_host_is_known_by_its_fingerprint() {
    let place = Place::new();
    let args = ["--listen", "0", "--tls"];
    let mut first = host(&place, &args);
    let (address_of_first, print) = (address(&first), fingerprint(&first));
    assert!(address_of_first.starts_with("https://127.0.0.1:") && print.len() == 64, "{}", first.said());
    let token = place.tell(&["token", "create", "ci"]).trim().to_owned();
    let with =
        |address: &str, print: &str| ask(&place, address, &token, &["--fingerprint", print, "pool", "ls"]);
    let output = with(&address_of_first, &print);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let wrong = ask(&place, &address_of_first, &token, &["--fingerprint", &"0a".repeat(32), "pool", "ls"]);
    let nobody = ask(&place, &address_of_first, &token, &["pool", "ls"]);
    for output in [wrong, nobody] {
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{err}");
        assert!(err.contains("not to be trusted") || err.contains("fingerprint is needed"), "{err}");
        assert!(err.contains("--fingerprint"), "{err}");
    }
    // Nobody is let in without TLS, nor with a TLS that is none.
    let plain = address_of_first.replace("https", "http");
    assert!(!ask(&place, &plain, &token, &["pool", "ls"]).status.success());
    assert_eq!(with("https://127.0.0.1:1", &print).status.code(), Some(4));
    first.signal(Signal::TERM);
    assert!(first.end(SOON).success());

    // The same certificate, and one of an administrator's own: here, the host's of before.
    let mut again = host(&place, &args);
    assert_eq!(fingerprint(&again), print);
    again.signal(Signal::TERM);
    assert!(again.end(SOON).success());
    let state = place.path().join("state");
    let own = ["cert.pem", "key.pem"].map(|name| {
        let path = place.path().join(name);
        std::fs::rename(state.join(format!("tls-{name}")), &path).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let third = host(&place, &["--listen", "0", "--tls-cert", &own[0], "--tls-key", &own[1]]);
    assert_eq!(fingerprint(&third), print);
    assert!(with(&address(&third), &print).status.success());
    assert!(!state.join("tls-cert.pem").exists());
}

#[test]
fn where_others_can_reach_it_there_is_tls() {
    let place = Place::new();
    let host = host(&place, &["--listen", "0.0.0.0:0"]);
    assert!(address(&host).starts_with("https://0.0.0.0:"), "{}", host.said());
    assert_eq!(fingerprint(&host).len(), 64);
    place.refused(&["--host", "http://192.0.2.1:80", "ls"], &["use https://"]);
    place.refused(&["--host", "https://127.0.0.1:80", "--fingerprint", "12", "ls"], &["no fingerprint"]);
}

#[test]
fn tokens_outlive_a_host_that_is_killed_whenever() {
    let place = Place::new();
    let mut told = Vec::new();
    for round in 0..4 {
        let mut host = host(&place, &[]);
        let listed = place.json(&["token", "ls"]);
        let there: Vec<&str> =
            listed.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
        // Whatever was answered is kept; the one that was not may be.
        for name in &told {
            assert!(there.contains(&String::as_str(name)), "{name} is lost: {there:?}");
        }
        assert!(there.len() <= told.len() + round, "{there:?}");
        thread::scope(|scope| {
            let making = scope.spawn(|| {
                let name = |number: usize| format!("t{round}-{number}");
                let made = |name: &String| place.ask(&["token", "create", name]).status.success();
                (0..10_000).map(name).take_while(made).collect::<Vec<_>>()
            });
            thread::sleep(Duration::from_millis(300 + 37 * round as u64));
            host.signal(Signal::KILL);
            host.end(SOON);
            told.extend(making.join().unwrap());
        });
    }
    assert!(told.len() > 4, "{told:?}");
}

#[test]
fn who_follows_events_is_told_that_their_token_is_gone() {
    let place = Place::new();
    let host = host(&place, &["--listen", "0"]);
    let token = place.tell(&["token", "create", "viewer", "--role", "view"]);
    let mut command = place.memtide(&["--host", &address(&host), "events", "-f"]);
    command.env("MEMTIDE_TOKEN", token.trim()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut follower = Running::new(command.spawn().unwrap());
    follower.expect("host-opened", SOON);
    place.tell(&["token", "rm", "viewer"]);
    assert_eq!(follower.end(SOON).code(), Some(6), "{}", follower.said());
    follower.expect("error: the token viewer was removed", SOON);
}

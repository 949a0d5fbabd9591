//! Limits that Linux sets on the process: what reaches one is refused, and all else goes on.

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use support::{Place, Running, SOON, create_idle, text};

/// Starts a host under limits set by the shell, which may not be ready.
fn limited(place: &Place, limits: &str, more: &[&str]) -> Running {
    let state = place.path().join("state");
    let args = ["host", "--machine-memory", "128MiB", "--state", state.to_str().unwrap()];
    let host = place.memtide(&[&args, more].concat());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
        .arg(host.get_program())
        .args(host.get_args());
    for (name, value) in host.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Running::new(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

#[test]
fn a_limit_that_leaves_no_room_is_refused_at_once_with_its_name() {
    let place = Place::new();
    for (limit, parts) in [
        ("ulimit -f 1000", ["the size of its files (ulimit -f)", "needs 128 MiB"]),
        ("ulimit -v 500000", ["its address space (ulimit -v)", "raise the limit"]),
        ("ulimit -d 50000", ["its data (ulimit -d)", "less machine memory"]),
    ] {
        let mut host = limited(&place, limit, &[]);
        assert_eq!(host.end(SOON).code(), Some(1), "{limit}: {}", host.said());
        for part in parts {
            host.expect(part, SOON);
        }
    }
}

#[test]
fn a_file_that_may_not_grow_so_large_is_a_vm_that_is_not_started() {
    let place = Place::new();
    // Blocks of 512 bytes: enough for machine memory, not for the larger VM's swap file.
    let _host = limited(&place, "ulimit -f 300000", &[]);
    place.wait_for_host();
    create_idle(&place, "small", &[]);
    create_idle(&place, "large", &[]);
    place.tell(&["set", "large", "--memory", "256MiB"]);
    place.tell(&["start", "small"]);
    let output = place.ask(&["start", "large"]);
    assert!(!output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains("File too large"), "{}", text(&output.stderr));
    assert!(place.tell(&["ls"]).contains("running"), "the host and its other VM go on");
}

#[test]
fn clients_over_tcp_leave_handles_to_the_host_and_its_administrators() {
    let place = Place::new();
    let host = limited(&place, "ulimit -n 48", &["--listen", "0"]);
    host.expect("listening at http://", SOON);
    let said = host.said();
    let address = said.split("listening at http://").nth(1).unwrap().split_whitespace().next().unwrap();
    create_idle(&place, "web", &[]);
    // Each keeps its connection and never ends its request. Those for which there is no room are closed.
    let open: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
            stream
        })
        .collect();
    place.tell(&["start", "web"]);
    assert!(place.tell(&["ls"]).contains("running"));
    place.tell(&["stop", "web", "--now"]);
    drop(open);
    assert!(host.said().contains("the host is ready"));
}

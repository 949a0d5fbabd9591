use super::*;
use addr::ByteSize;
use host::HostConfig;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::time::Instant;
use tempfile::TempDir;

mod tcp;

fn host(place: &TempDir) -> Host {
    Host::open(&HostConfig {
        state: place.path().join("state"),
        machine_memory: ByteSize::mib(64),
        swap: place.path().join("swap"),
    })
    .unwrap()
}

fn start(host: &Host, place: &TempDir) -> Server {
    Server::start(host, &place.path().join("state"), Vec::new(), Vec::new()).unwrap()
}

fn healthy(socket: &Path) -> bool {
    let mut stream = StdStream::connect(socket).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n")
}

#[test]
fn a_socket_is_taken_once_and_left_clean() {
    let place = TempDir::new().unwrap();
    let socket = place.path().join("host.socket");
    let host = host(&place);
    // As left behind by a host that was killed.
    drop(StdListener::bind(&socket).unwrap());
    let mut server = start(&host, &place);
    server.listen_unix(&socket, None).unwrap();
    assert!(healthy(&socket));
    let of_file = fs::metadata(&socket).unwrap();
    assert_eq!(of_file.permissions().mode() & 0o777, 0o660);
    let mut second = start(&host, &place);
    assert!(matches!(second.listen_unix(&socket, None), Err(ServerError::Taken(_))));
    let elsewhere = place.path().join("second.socket");
    second.listen_unix(&elsewhere, Some(of_file.gid())).unwrap();
    assert!(healthy(&elsewhere));
    drop(second);
    assert!(!elsewhere.exists() && healthy(&socket), "the first goes on");
    drop(server);
    assert!(!socket.exists());
    fs::write(&socket, "something of value").unwrap();
    let mut server = start(&host, &place);
    assert!(matches!(server.listen_unix(&socket, None), Err(ServerError::NoSocket(_))));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "something of value");
}

#[test]
fn one_server_serves_at_several_sockets() {
    let place = TempDir::new().unwrap();
    let sockets = ["one.socket", "two.socket"].map(|name| place.path().join(name));
    let host = host(&place);
    let mut server = start(&host, &place);
    for socket in &sockets {
        server.listen_unix(socket, None).unwrap();
    }
    assert!(matches!(server.listen_unix(&sockets[1], None), Err(ServerError::Taken(_))));
    assert!(sockets.iter().all(|socket| healthy(socket)));
    drop(server);
    assert!(!sockets.iter().any(|socket| socket.exists()));
}

/// Reads what comes of a stream until `times` statuses were among it.
fn statuses(stream: StdStream, times: usize) -> usize {
    let mut lines = BufReader::new(stream).lines();
    let mut bytes = 0;
    let mut seen = 0;
    while seen < times {
        let line = lines.next().expect("it goes on").unwrap();
        bytes += line.len();
        seen += usize::from(line == "event: status");
    }
    bytes
}

#[test]
fn a_hundred_follow_the_stream_and_others_are_answered() {
    let place = TempDir::new().unwrap();
    let socket = place.path().join("host.socket");
    let host = host(&place);
    let mut server = start(&host, &place);
    server.listen_unix(&socket, None).unwrap();
    let follow = |_| {
        let mut stream = StdStream::connect(&socket).unwrap();
        stream.write_all(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        std::thread::spawn(move || statuses(stream, 3))
    };
    let followers: Vec<_> = (0..100).map(follow).collect();
    assert!(healthy(&socket));
    assert!(followers.into_iter().all(|follower| follower.join().unwrap() > 0));
}

#[test]
fn clients_that_vanish_dawdle_or_talk_nonsense_harm_nobody() {
    let place = TempDir::new().unwrap();
    let socket = place.path().join("host.socket");
    let host = host(&place);
    let mut server = start(&host, &place);
    server.listen_unix(&socket, None).unwrap();
    let say = |words: &[u8]| {
        let mut stream = StdStream::connect(&socket).unwrap();
        stream.write_all(words).unwrap();
        stream
    };
    let _silent = say(b"");
    let _dawdling = say(b"POST /v1/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    let _following = say(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\n\r\n");
    for _ in 0..20 {
        drop(say(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\n\r\n"));
        drop(say(b"POST /v1/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"));
        drop(say(b"\x16\x03\x01 nonsense \0\xff\r\n\r\n"));
    }
    assert!(healthy(&socket));
    let before = Instant::now();
    drop(server);
    assert!(before.elapsed() < 3 * threads::LAST_ANSWERS, "it took {:?}", before.elapsed());
}

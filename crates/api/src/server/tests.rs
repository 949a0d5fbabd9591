use super::*;
use addr::ByteSize;
use host::HostConfig;
use std::io::{Read, Write};
use std::time::Instant;
use tempfile::TempDir;

fn host(place: &TempDir) -> Host {
    Host::open(&HostConfig {
        state: place.path().join("state"),
        machine_memory: ByteSize::mib(64),
        swap: place.path().join("swap"),
    })
    .unwrap()
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
    let server = Server::start(&host, &socket).unwrap();
    assert!(healthy(&socket));
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Server::start(&host, &socket), Err(ServerError::Taken(_))));
    assert!(healthy(&socket), "the first goes on");
    drop(server);
    assert!(!socket.exists());
    fs::write(&socket, "something of value").unwrap();
    assert!(matches!(Server::start(&host, &socket), Err(ServerError::NoSocket(_))));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "something of value");
}

#[test]
fn clients_that_vanish_dawdle_or_talk_nonsense_harm_nobody() {
    let place = TempDir::new().unwrap();
    let socket = place.path().join("host.socket");
    let server = Server::start(&host(&place), &socket).unwrap();
    let say = |words: &[u8]| {
        let mut stream = StdStream::connect(&socket).unwrap();
        stream.write_all(words).unwrap();
        stream
    };
    let _silent = say(b"");
    let _dawdling = say(b"POST /v1/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    let _following = say(b"GET /v1/events?follow=true HTTP/1.1\r\nhost: x\r\n\r\n");
    for _ in 0..20 {
        drop(say(b"GET /v1/events?follow=true HTTP/1.1\r\nhost: x\r\n\r\n"));
        drop(say(b"POST /v1/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"));
        drop(say(b"\x16\x03\x01 nonsense \0\xff\r\n\r\n"));
    }
    assert!(healthy(&socket));
    let before = Instant::now();
    drop(server);
    assert!(before.elapsed() < 3 * LAST_ANSWERS, "it took {:?}", before.elapsed());
}

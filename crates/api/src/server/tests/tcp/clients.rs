//! Clients that are slow, that vanish, and that may no longer be there.

use super::*;

const STREAM: &str = "GET /v1/stream?only=status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";

impl Served {
    /// Sends bytes, and leaves the connection open.
    fn begin(&self, words: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(words.as_bytes()).unwrap();
        stream
    }

    /// Follows the stream until something has come.
    fn follow(&self, secret: &str) -> TcpStream {
        let mut stream = self.begin(&format!("{STREAM}authorization: Bearer {secret}\r\n\r\n"));
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        stream
    }

    /// Waits until a VM is as it should be.
    fn wait(&self, what: &str, is_so: impl Fn(&Host) -> bool) {
        let begin = Instant::now();
        while !is_so(&self.host) {
            assert!(begin.elapsed() < Duration::from_secs(20), "{what} in vain");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// All that comes until the end.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it ends before the timeout of the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn who_follows_the_stream_is_sent_away_when_their_token_is_gone() {
    let served = Served::new();
    let administrator = served.token("admin", Role::Administer, None);
    let [stays, goes] = ["stays", "goes"].map(|name| served.token(name, Role::View, None));
    let short = served.token("short", Role::View, Some(1));
    let mut staying = served.follow(&stays);
    let (going, ending) = (served.follow(&goes), served.follow(&short));
    assert_eq!(served.with_token("DELETE /v1/tokens/goes", &administrator, "").status, 204);
    for (stream, why) in [(going, "the token goes was removed"), (ending, "the token short has expired")] {
        let text = rest(stream);
        let end = text.split("event: ").last().unwrap();
        assert!(end.starts_with("end\ndata: {") && end.contains(why), "{end}");
        assert!(end.contains("\"bad-token\""), "{end}");
    }
    assert!(staying.read(&mut [0; 256]).unwrap() > 0, "others stay");
    assert_eq!(served.with_token("GET /v1/vms", &goes, "").status, 401);
}

#[test]
fn who_is_at_a_console_is_sent_away_when_their_token_is_gone() {
    let served = Served::new();
    let token = served.token("ci", Role::Operate, None);
    let administrator = served.token("admin", Role::Administer, None);
    served.vm("web");
    let (head, console) = served.upgrade("web", &format!("memtide.console, memtide.bearer.{token}"));
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert_eq!(served.with_token("DELETE /v1/tokens/ci", &administrator, "").status, 204);
    let mut bytes = Vec::new();
    let mut console = console;
    // The other end waits for the answer to its closing, which does not come.
    while !bytes.ends_with(b"the token ci was removed") {
        let mut byte = [0];
        assert_eq!(console.read(&mut byte).unwrap(), 1, "{bytes:?}");
        bytes.push(byte[0]);
    }
    // A close frame, and the code for who breaks a rule: 1008.
    assert!(bytes.windows(2).any(|two| two == 1008u16.to_be_bytes()), "{bytes:?}");
}

#[test]
fn who_sends_a_body_a_byte_at_a_time_is_told_to_be_quicker() {
    let served = Served::new();
    let token = served.token("admin", Role::Administer, None);
    let begin = Instant::now();
    let head = format!("authorization: Bearer {token}\r\ncontent-length: 60000\r\n\r\n");
    let slow: Vec<TcpStream> = (0..8)
        .map(|_| served.begin(&format!("POST /v1/vms HTTP/1.1\r\nhost: localhost\r\n{head}")))
        .collect();
    for stream in &slow {
        stream.set_nonblocking(true).unwrap();
    }
    let mut answers = vec![Vec::new(); slow.len()];
    while answers.iter().any(|answer| !String::from_utf8_lossy(answer).contains("slow-body")) {
        assert!(begin.elapsed() < Duration::from_secs(30), "nobody is told");
        for (mut stream, answer) in slow.iter().zip(&mut answers) {
            let _ = stream.write_all(b" ");
            let mut bytes = [0; 1024];
            if let Ok(count) = stream.read(&mut bytes) {
                answer.extend_from_slice(&bytes[..count]);
            }
        }
        assert_eq!(served.ask("GET /healthz", "", "").status, 200, "others are answered");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(answers.iter().all(|answer| answer.starts_with(b"HTTP/1.1 408")));
}

#[test]
fn who_asks_much_and_reads_nothing_holds_up_nobody() {
    let served = Served::new();
    let ask = "GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(64);
    let _deaf: Vec<TcpStream> = (0..30).map(|_| served.begin(&ask)).collect();
    for _ in 0..20 {
        assert_eq!(served.ask("GET /healthz", "", "").status, 200);
    }
}

#[test]
fn what_was_begun_is_done_whether_or_not_anybody_waits_for_it() {
    let served = Served::new();
    let token = served.token("admin", Role::Administer, None);
    let order = |order: &str| {
        let host = "host: localhost\r\ncontent-length: 0";
        format!("POST /v1/vms/web/{order} HTTP/1.1\r\n{host}\r\nauthorization: Bearer {token}\r\n\r\n")
    };
    let running = |host: &Host| host.info("web").unwrap().power == model::Power::Running;
    served.vm("web");
    let starting = served.begin(&order("start"));
    served.wait("it starts", running);
    drop(starting);
    // Who waits for an operation, follows the stream or a console, and is gone in the middle of it.
    for _ in 0..40 {
        drop(served.begin("GET /v1/operations/1?wait=30 HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        drop(served.follow(&token));
        drop(served.upgrade("web", &format!("memtide.console, memtide.bearer.{token}")));
    }
    let upgraded = || served.upgrade("web", &format!("memtide.console, memtide.bearer.{token}")).0;
    served.wait("places at consoles come free", |_| upgraded().starts_with("http/1.1 101"));
    let stopping = served.begin(&order("stop"));
    served.wait("it stops", |host| !running(host));
    drop(stopping);
    // Its VM is off a moment before an operation says so.
    assert_eq!(served.with_token("GET /v1/operations/2?wait=30", &token, "").status, 200);
    let operations = served.with_token("GET /v1/operations", &token, "").body;
    let states: Vec<_> = operations["items"].as_array().unwrap().iter().map(|of| &of["state"]).collect();
    assert_eq!(states, ["done", "done"], "{operations}");
}

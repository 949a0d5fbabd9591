//! What clients can have the server hold for them.

use super::*;

/// A masked frame of binary data that says it has `length` bytes, and the first `sent` of them.
fn unfinished(length: u64, sent: usize) -> Vec<u8> {
    let mut frame = vec![0x82, 0xff];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.resize(frame.len() + sent, b'x');
    frame
}

/// Anonymous memory of this process, in KiB.
fn anonymous() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

impl Served {
    fn consoles(&self, token: &str) -> Vec<TcpStream> {
        let console = |_| {
            let (head, stream) = self.upgrade("web", &format!("memtide.console, memtide.bearer.{token}"));
            assert!(head.starts_with("http/1.1 101"), "{head}");
            stream
        };
        (0..32).map(console).collect()
    }
}

#[test]
fn frames_that_are_too_long_are_refused_before_anything_is_kept_of_them() {
    let served = Served::new();
    let token = served.token("ci", Role::Operate, None);
    served.vm("web");
    let consoles = served.consoles(&token);
    let before = anonymous();
    let frame = unfinished((15 << 20) + 1000, 15 << 20);
    let ended = consoles.into_iter().map(|mut stream| {
        // Cut off in the middle: it cannot all be sent.
        let _ = stream.write_all(&frame);
        // What is left to read before the end, or that the other end is gone, says the same.
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes);
        end.is_ok() || end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    });
    assert!(ended.filter(|ended| *ended).count() == 32);
    let grown = anonymous().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB are held for frames that nobody finishes");
    assert_eq!(served.with_token("GET /v1/vms", &token, "").status, 200);
}

#[test]
fn frames_that_are_never_finished_are_given_up() {
    let served = Served::with(Bounds { silence: Duration::from_millis(600), ..Bounds::default() });
    let token = served.token("ci", Role::Operate, None);
    served.vm("web");
    let before = anonymous();
    let mut consoles = served.consoles(&token);
    let frame = unfinished(30 << 10, 25 << 10);
    for stream in &mut consoles {
        stream.write_all(&frame).unwrap();
    }
    let grown = anonymous().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB are held for unfinished frames");
    for mut stream in consoles {
        let mut bytes = Vec::new();
        // The end comes although something is written ever so slowly: what counts is a whole frame.
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = stream.read_to_end(&mut bytes);
        assert!(bytes.windows(2).any(|two| two == [0x89, 0]), "it was pinged: {bytes:?}");
    }
}

#[test]
fn who_answers_pings_stays_at_a_console() {
    let silence = Duration::from_millis(500);
    let served = Served::with(Bounds { silence, ..Bounds::default() });
    let token = served.token("ci", Role::Operate, None);
    served.vm("web");
    let (_, mut stream) = served.upgrade("web", &format!("memtide.console, memtide.bearer.{token}"));
    let begun = Instant::now();
    let mut head = [0; 2];
    while begun.elapsed() < 4 * silence {
        stream.read_exact(&mut head).expect("it goes on");
        let mut payload = vec![0; usize::from(head[1])];
        stream.read_exact(&mut payload).unwrap();
        if head[0] == 0x89 {
            stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).unwrap();
        }
    }
}

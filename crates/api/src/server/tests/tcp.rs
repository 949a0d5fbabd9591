//! Over TCP, as strangers come: raw bytes, so that nothing is kept from being wrong.

mod clients;
mod held;

use super::*;
use crate::access::Rate;
use model::{AuditLine, List, NewToken, Role, Token, TokenSpec};
use serde_json::{Value, json};
use std::net::TcpStream;
use tokio::io::AsyncWriteExt as _;

struct Served {
    place: TempDir,
    // Before the server, which would wait for it.
    address: SocketAddr,
    server: Server,
    host: Host,
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Served {
    fn with(bounds: Bounds) -> Self {
        let place = TempDir::new().unwrap();
        let host = host(&place);
        let names = vec!["vm-host.example".to_owned()];
        let access = Access::open(&place.path().join("state"), names, bounds);
        let server = Server::with_access(&host, access).unwrap();
        let address = server.listen_tcp("127.0.0.1:0".parse().unwrap(), None).unwrap();
        Self { place, address, server, host }
    }

    fn new() -> Self {
        // Refusals are what is tested here.
        let refusals = Rate { burst: 10_000.0, per_second: 1.0 };
        let requests = refusals;
        Self::with(Bounds { requests, refusals, ..Bounds::default() })
    }

    fn token(&self, name: &str, role: Role, lifetime_seconds: Option<u64>) -> String {
        let spec = TokenSpec { name: name.to_owned(), role, lifetime_seconds };
        let NewToken { secret, .. } = self.server.service().access.tokens.create(&spec).unwrap();
        secret
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn say(&self, words: &str) -> Answer {
        let mut stream = self.connect();
        // Who is cut off cannot send all, and may still be told why.
        let _ = stream.write_all(words.as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        Answer { status, head: head.to_owned(), body }
    }

    fn ask(&self, line: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let host = self.address;
        self.say(&format!(
            "{line} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    fn with_token(&self, line: &str, secret: &str, body: &str) -> Answer {
        self.ask(line, &format!("authorization: Bearer {secret}\r\n"), body)
    }

    /// Asks for a console's WebSocket; gives the head of the answer, and the connection.
    fn upgrade(&self, vm: &str, protocols: &str) -> (String, TcpStream) {
        let headers = format!(
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {protocols}\r\n"
        );
        let mut stream = self.connect();
        let host = self.address;
        let head = format!("GET /v1/vms/{vm}/console HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            answer.push(byte[0]);
        }
        (String::from_utf8(answer).unwrap().to_lowercase(), stream)
    }

    /// A VM that is there, and does not run.
    fn vm(&self, name: &str) {
        let kernel = self.place.path().join("idle");
        std::fs::write(&kernel, kernels::waiting()).unwrap();
        let spec = json!({"name": name, "memory_bytes": 64 << 20, "kernel": kernel});
        self.host.create(serde_json::from_value(spec).unwrap()).unwrap();
    }

    fn log(&self) -> Vec<AuditLine> {
        self.server.service().access.audit_log.last(1000).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.host.shutdown();
    }
}

/// Each route of the description, with parameters that name nothing.
fn routes() -> Vec<(String, String, String)> {
    let description: Value = serde_json::from_str(crate::openapi::text()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let concrete = path.replace("{name}", "none").replace("{id}", "4711").replace("{gva}", "0x1000");
            routes.push((method.to_uppercase(), path.clone(), concrete));
        }
    }
    routes
}

#[test]
fn each_role_is_let_in_at_each_of_its_routes_and_at_no_other() {
    let served = Served::new();
    let secrets = [Role::View, Role::Operate, Role::Administer]
        .map(|role| (role, served.token(&role.to_string(), role, None)));
    for (method, route, path) in routes() {
        // It has no end.
        let path = if route == "/v1/stream" { format!("{path}?only=nonsense") } else { path };
        let line = format!("{method} {path}");
        let asked = crate::access::needs(&method, &route);
        let answer = served.ask(&line, "", "");
        let expected = if asked.is_some() { (401, "not-signed-in".into()) } else { (200, Value::Null) };
        assert_eq!((answer.status, answer.body["code"].clone()), expected, "{line}");
        for (role, secret) in &secrets {
            let answer = served.with_token(&line, secret, "");
            let refused = answer.status == 403 && answer.body["code"] == "not-allowed";
            assert_eq!(refused, asked > Some(*role), "{line} by {role}: {}", answer.status);
            assert!(
                refused || ![401, 403, 421, 429].contains(&answer.status),
                "{line} by {role}: {}",
                answer.status
            );
        }
    }
}

#[test]
fn who_asks_is_told_who_they_are() {
    let served = Served::new();
    for role in [Role::View, Role::Operate, Role::Administer] {
        let secret = served.token(&role.to_string(), role, None);
        let answer = served.with_token("GET /v1/whoami", &secret, "");
        assert_eq!(answer.body, json!({"who": format!("token {role}"), "role": role, "is_local": false}));
    }
}

#[test]
fn tokens_that_are_wrong_expired_or_removed_let_nobody_in() {
    let served = Served::new();
    let good = served.token("good", Role::View, None);
    let soon = served.token("soon", Role::View, Some(1));
    let removed = served.token("removed", Role::View, None);
    let administrator = served.token("admin", Role::Administer, None);
    assert_eq!(served.with_token("GET /v1/vms", &removed, "").status, 200);
    assert_eq!(served.with_token("DELETE /v1/tokens/removed", &administrator, "").status, 204);
    assert_eq!(served.with_token("DELETE /v1/tokens/removed", &administrator, "").status, 404);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(served.with_token("GET /v1/vms", &good, "").status, 200);
    for (secret, why) in [(&soon, "expired"), (&removed, "no such"), (&good[1..].to_owned(), "no such")] {
        let answer = served.with_token("GET /v1/vms", secret, "");
        assert_eq!((answer.status, &answer.body["code"]), (401, &json!("bad-token")));
        assert!(answer.body["message"].as_str().unwrap().contains(why), "{}", answer.body);
        assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"), "{}", answer.head);
        assert!(answer.body["request_id"].is_string());
    }
    assert_eq!(served.ask("GET /v1/vms", "authorization: Basic YTpi\r\n", "").body["code"], "bad-token");
    let answer = served.with_token("GET /v1/tokens", &administrator, "");
    let text = answer.body.to_string();
    let List { items, .. }: List<Token> = serde_json::from_value(answer.body).unwrap();
    assert_eq!(items.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["admin", "good", "soon"]);
    assert!(
        items[1].last_used_at_milliseconds.is_some() && !text.contains("sha") && !text.contains("secret")
    );
}

#[test]
fn a_websocket_takes_its_token_as_a_protocol() {
    let served = Served::new();
    let token = served.token("ci", Role::Operate, None);
    let viewer = served.token("viewer", Role::View, None);
    served.vm("web");
    let upgrade = |protocols: &str| served.upgrade("web", protocols).0;
    let answer = upgrade(&format!("memtide.console, memtide.bearer.{token}"));
    assert!(
        answer.starts_with("http/1.1 101") && answer.contains("sec-websocket-protocol: memtide.console\r\n"),
        "{answer}"
    );
    assert!(!answer.contains(&token));
    assert!(upgrade("memtide.console").starts_with("http/1.1 401"));
    assert!(upgrade(&format!("memtide.console, memtide.bearer.{viewer}")).starts_with("http/1.1 403"));
    let log = served.log();
    let lines: Vec<(&str, u16)> = log.iter().rev().map(|line| (line.who.as_str(), line.status)).collect();
    assert_eq!(lines, [("token ci", 101), ("unknown", 401), ("token viewer", 403)]);
}

#[test]
fn foreign_pages_and_foreign_names_are_refused_before_anything_else() {
    let served = Served::new();
    let token = served.token("admin", Role::Administer, None);
    let port = served.address.port();
    let ask = |host: &str, origin: &str| {
        let origin = if origin.is_empty() { String::new() } else { format!("origin: {origin}\r\n") };
        let answer = served.say(&format!(
            "GET /v1/vms HTTP/1.1\r\nhost: {host}\r\n{origin}authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        ));
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
        (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned())
    };
    let own = format!("127.0.0.1:{port}");
    assert_eq!(ask(&own, ""), (200, String::new()));
    assert_eq!(ask(&own, &format!("http://{own}")), (200, String::new()));
    assert_eq!(ask("vm-host.example", "http://vm-host.example"), (200, String::new()));
    for origin in
        ["http://evil.example", "null", &format!("http://localhost:{port}"), &format!("https://{own}")]
    {
        assert_eq!(ask(&own, origin), (403, "foreign-origin".to_owned()), "{origin}");
    }
    assert_eq!(ask("evil.example", "http://evil.example"), (421, "foreign-host".to_owned()));
    let preflight = served.ask(
        "OPTIONS /v1/vms",
        "origin: http://evil.example\r\naccess-control-request-method: POST\r\n",
        "",
    );
    assert_eq!(preflight.status, 403);
}

#[test]
fn the_audit_log_has_every_change_and_refusal_and_no_secret() {
    let served = Served::new();
    let socket = served.place.path().join("host.socket");
    let admin = served.token("admin", Role::Administer, None);
    let viewer = served.token("viewer", Role::View, None);
    let named = |id: &str, secret: &str| format!("authorization: Bearer {secret}\r\nx-request-id: {id}\r\n");
    let made =
        served.ask("POST /v1/tokens?x=y", &named("r1", &admin), "{\"name\": \"ci\", \"role\": \"view\"}");
    assert_eq!(made.status, 201);
    assert!(made.head.to_lowercase().contains("cache-control: no-store"));
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    served.ask("POST /v1/pools", &named("r2", &admin), "{\"name\": \"a/b\"}");
    served.ask("GET /v1/vms", &named("r3", &admin), "");
    served.ask("POST /v1/what-if", &named("r4", &viewer), "{}");
    served.ask("DELETE /v1/vms/web", &named("r5", &viewer), "");
    served.ask("GET /v1/audit-log", &named("r6", &viewer), "");
    served.ask("PATCH /v1/settings", "x-request-id: r7\r\n", "{\"Mem.IdleTax\": 50}");
    served.ask("DELETE /v1/tokens/ci", &named("r8", "memtide_wrong"), "");
    let mut server =
        Server::start(&served.host, &served.place.path().join("state"), Vec::new(), Vec::new()).unwrap();
    server.listen_unix(&socket, None).unwrap();
    let mut stream = StdStream::connect(&socket).unwrap();
    stream
        .write_all(b"POST /v1/audit HTTP/1.1\r\nhost: x\r\nx-request-id: r9\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream.read_to_string(&mut String::new()).unwrap();
    let mut expected = vec![
        ("r1", "token admin", Some(Role::Administer), "POST", "/v1/tokens", 201),
        ("r2", "token admin", Some(Role::Administer), "POST", "/v1/pools", 422),
        ("r5", "token viewer", Some(Role::View), "DELETE", "/v1/vms/web", 403),
        ("r6", "token viewer", Some(Role::View), "GET", "/v1/audit-log", 403),
        ("r7", "unknown", None, "PATCH", "/v1/settings", 401),
        ("r8", "unknown", None, "DELETE", "/v1/tokens/ci", 401),
    ];
    let own = format!("uid {}", fs::metadata(served.place.path()).unwrap().uid());
    expected.push(("r9", &own, Some(Role::Administer), "POST", "/v1/audit", 202));
    let answer = served.ask("GET /v1/audit-log?limit=7", &named("r10", &admin), "");
    let List { items: log, .. }: List<AuditLine> = serde_json::from_value(answer.body).unwrap();
    let told: Vec<_> = log
        .iter()
        .rev()
        .map(|l| {
            (l.request_id.as_str(), l.who.as_str(), l.role, l.method.as_str(), l.path.as_str(), l.status)
        })
        .collect();
    assert_eq!(told, expected);
    assert!(log.iter().all(|line| line.at_milliseconds > 1_600_000_000_000 && line.omitted == 0));
    let from = |id: &str| log.iter().find(|line| line.request_id == id).unwrap().from.clone();
    assert_eq!((from("r1").as_deref(), from("r9")), (Some("127.0.0.1"), None));
    let text = fs::read_to_string(served.place.path().join("state/audit-log.jsonl")).unwrap();
    for secret in [admin, viewer, secret] {
        assert!(!text.contains(&secret));
    }
}

#[test]
fn what_is_too_large_or_too_slow_is_cut_off() {
    let served = Served::with(Bounds { head: Duration::from_millis(300), ..Bounds::default() });
    let token = served.token("admin", Role::Administer, None);
    let answer = served.with_token("POST /v1/vms", &token, &" ".repeat(65 << 10));
    assert_eq!((answer.status, &answer.body["code"]), (413, &json!("large-body")));
    let long = format!("x: {}\r\n", "x".repeat(2 * MOST_HEAD));
    assert_eq!(served.ask("GET /v1/vms", &long, "").status, 431);
    assert_eq!(served.ask("GET /v1/vms", &"x: y\r\n".repeat(MOST_HEADERS), "").status, 431);
    // A header a moment for as long as one likes.
    let mut slow = served.connect();
    slow.write_all(b"GET /v1/vms HTTP/1.1\r\n").unwrap();
    let begin = Instant::now();
    while slow.write_all(b"x: y\r\n").is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(10), "nobody cuts it off");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Who says nothing.
    let begin = Instant::now();
    assert_eq!(served.connect().read(&mut [0]).unwrap_or(0), 0);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_peer_has_so_many_connections_requests_and_refusals() {
    let served = Served::with(Bounds {
        of_one_address: 3,
        requests: Rate { burst: 20.0, per_second: 0.01 },
        refusals: Rate { burst: 4.0, per_second: 0.01 },
        ..Bounds::default()
    });
    let token = served.token("ci", Role::View, None);
    let held: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = served.connect();
            let head = format!(
                "GET /v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            assert!(stream.read(&mut [0; 512]).unwrap() > 0);
            stream
        })
        .collect();
    assert_eq!(served.ask("GET /healthz", "", "").status, 0, "it is closed");
    drop(held);
    let begin = Instant::now();
    while served.ask("GET /healthz", "", "").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    let statuses = [(); 6].map(|()| served.ask("GET /v1/vms", "", "").status);
    assert_eq!(statuses, [401, 401, 401, 401, 429, 429]);
    assert_eq!(served.log().len(), 4);
    assert_eq!(served.with_token("GET /v1/vms", &token, "").status, 200, "who has a token is not kept out");
    let answers: Vec<_> = (0..20).map(|_| served.with_token("GET /v1/vms", &token, "")).collect();
    let last = answers.last().unwrap();
    assert_eq!((last.status, &last.body["code"]), (429, &json!("too-many-requests")));
    assert!(last.head.to_lowercase().contains("retry-after: "), "{}", last.head);
}

/// Connections from these addresses of this machine, half as many each, of which nothing comes but `words`.
fn half_open(to: SocketAddr, from: [&str; 2], words: &[u8]) -> Vec<tokio::net::TcpStream> {
    let connect = async |from: SocketAddr| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(from).unwrap();
        let mut stream = socket.connect(to).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = Vec::new();
        for number in 0..256 {
            streams.push(connect(format!("{}:0", from[number % 2]).parse().unwrap()).await);
        }
        streams
    })
}

#[test]
fn who_stands_in_the_door_keeps_nobody_out() {
    let served = Served::new();
    let token = served.token("ci", Role::View, None);
    let _half_heads = half_open(served.address, ["127.0.0.2", "127.0.0.3"], b"GET /v1/vms HTTP/1.1\r\nx: ");
    let begun = Instant::now();
    assert_eq!(served.with_token("GET /v1/vms", &token, "").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());

    let server =
        Server::start(&served.host, &served.place.path().join("state"), Vec::new(), Vec::new()).unwrap();
    let tls = Tls::self_signed(&served.place.path().join("state"), &["localhost".to_owned()]).unwrap();
    let address = server.listen_tcp("127.0.0.1:0".parse().unwrap(), Some(tls)).unwrap();
    let _half_hellos = half_open(address, ["127.0.0.2", "127.0.0.3"], b"\x16\x03\x01\x02\x00\x01");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    // An alert: it is heard, and understood to be no TLS.
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
    assert!(served.connect().peer_addr().is_ok());
}

#[test]
fn few_places_are_enough_where_strangers_stand_about() {
    let served = Served::with(Bounds { connections: 4, ..Bounds::default() });
    let token = served.token("ci", Role::View, None);
    let mut follower = served.connect();
    let head = format!("GET /v1/stream HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    follower.write_all(head.as_bytes()).unwrap();
    assert!(follower.read(&mut [0; 512]).unwrap() > 0);
    for _ in 0..40 {
        let _silent = served.connect();
        assert_eq!(served.ask("GET /healthz", "", "").status, 200);
    }
    // Who was let in is still there.
    assert!(follower.read(&mut [0; 512]).unwrap() > 0);
}

#[test]
fn a_head_that_others_might_read_otherwise_is_refused() {
    let served = Served::new();
    let good = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(served.say(good).status, 200);
    for bad in [
        good.replacen("\r\n", "\n", 1),
        good.replace("localhost\r\n", "localhost\n"),
        good.replace("close\r\n\r\n", "close\n\n"),
        good.replace("close\r\n", "close\r"),
    ] {
        assert_eq!(served.say(&bad).status, 400, "{bad:?}");
    }
    // After one that is good, on the same connection; and after one whose end only chunks tell, nothing is read.
    let first = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut both = served.connect();
    both.write_all(format!("{first}{}", good.replacen("\r\n", "\n", 1)).as_bytes()).unwrap();
    let mut answers = String::new();
    both.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 200 ") && answers.contains("HTTP/1.1 400 "), "{answers}");
    let chunked = "POST /v1/vms HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = served.say(&format!("{chunked}{first}"));
    assert_eq!((answer.status, answer.head.matches("HTTP/1.1").count()), (401, 1));
    assert!(answer.head.to_lowercase().contains("connection: close"), "{}", answer.head);
    // As a proxy is asked, under another name than the one in `host`.
    let target = |target: &str| served.say(&good.replace("/healthz", target)).status;
    assert_eq!((target("http://evil.example/healthz"), target("http://localhost/healthz")), (421, 200));
}

#[test]
fn without_tls_only_loopback_is_listened_at() {
    let place = TempDir::new().unwrap();
    let host = host(&place);
    let server = start(&host, &place);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = server.listen_tcp(address.parse().unwrap(), None);
        assert!(matches!(refused, Err(ServerError::Unprotected(_))), "{address}");
    }
}

use super::*;
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// Has `action` done, and waits for how it went.
fn done(action: Action, again: bool) -> Result<String, Failure> {
    let worker = Worker::start(Vec::new(), Vec::new()).unwrap();
    let (tell, told) = channel();
    let environment = vec![("MEMTIDE_ALARM_RULE", "vm; rm -rf /".to_owned())];
    let done = Box::new(move |outcome| tell.send(outcome).unwrap());
    worker.order(Order { action, body: "{\"id\":1}".to_owned(), environment, again, done }).unwrap();
    told.recv_timeout(SOON).unwrap()
}

fn shell(script: &str) -> Action {
    Action::Command(Command(["sh", "-c", script].map(str::to_owned).to_vec()))
}

#[test]
fn a_command_is_told_by_its_input_and_environment() {
    let said = done(shell("cat; echo; echo $MEMTIDE_ALARM_RULE; pwd; env | wc -l; echo more >&2"), true);
    let said = said.unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[1], lines[2], lines[4]), ("{\"id\":1}", "vm; rm -rf /", "/", "more"));
    assert!(lines[3].trim().parse::<u32>().unwrap() <= 6, "nothing else of the host's: {said}");
}

#[test]
fn a_command_that_fails_says_why_and_the_beginning_of_what_it_said() {
    let failure = done(shell("echo no mail; exit 3"), true).unwrap_err();
    assert_eq!((failure.why.as_str(), failure.said.as_deref()), ("sh: exit status: 3", Some("no mail")));
    let failure = done(shell("yes | head -c 1000000; exit 1"), true).unwrap_err();
    assert!(failure.said.unwrap().len() <= MOST_SAID);
    let nobody = Action::Command(Command(vec!["/no/such/program".to_owned()]));
    assert!(done(nobody, true).unwrap_err().why.starts_with("cannot run /no/such/program: "));
}

#[test]
fn a_command_finds_nothing_of_the_hosts_and_gains_nothing() {
    let place = tempfile::tempdir().unwrap();
    let [state, own] = ["state", "own"].map(|name| place.path().join(name));
    for directory in [&state, &own] {
        std::fs::create_dir(directory).unwrap();
    }
    std::fs::write(state.join("secret"), "open sesame").unwrap();
    let worker = Worker::start(vec![state.clone()], Vec::new()).unwrap();
    let run = |script: &str| {
        let (tell, told) = channel();
        let done = Box::new(move |outcome| tell.send(outcome).unwrap());
        let (action, body, environment) = (shell(script), String::new(), Vec::new());
        worker.order(Order { action, body, environment, again: true, done }).unwrap();
        told.recv_timeout(SOON).unwrap()
    };
    let said =
        run("grep NoNewPrivs /proc/self/status; ulimit -n; ulimit -t; ls /proc/self/fd | wc -l").unwrap();
    let lines: Vec<&str> = said.lines().map(|line| line.split_whitespace().last().unwrap()).collect();
    // Three of its own, and the directory that `ls` reads.
    assert_eq!(lines[1..], ["1024", "30", "4"], "{said}");
    run(&format!("echo kept > '{}'", own.join("made").display())).unwrap();
    let stolen = run(&format!("cat '{}'", state.join("secret").display()));
    if said.contains("NoNewPrivs:\t0") {
        return println!("skipped: this kernel has no Landlock");
    }
    assert!(stolen.is_err(), "{stolen:?}");
    run(&format!("echo forged > '{}'", state.join("secret").display())).unwrap_err();
    assert_eq!(std::fs::read_to_string(state.join("secret")).unwrap(), "open sesame");
}

#[tokio::test(flavor = "current_thread")]
async fn a_command_that_does_not_end_is_killed_with_what_it_started() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("alive");
    let script = format!("(while true; do date >> {0}; sleep 0.05; done) & sleep 60", file.display());
    let command = Command(["sh", "-c", &script].map(str::to_owned).to_vec());
    let begun = Instant::now();
    let failure = command.run_within(Duration::from_millis(400), "", &[], &[]).await.unwrap_err();
    assert!(failure.why.contains("not done after 400ms, killed"), "{failure}");
    assert!(begun.elapsed() < SOON);
    // The child that was left behind writes no more.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let written = std::fs::metadata(&file).unwrap().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(std::fs::metadata(&file).unwrap().len(), written);
}

#[test]
fn orders_are_bounded_and_forgotten_at_the_end() {
    let worker = Worker::start(Vec::new(), Vec::new()).unwrap();
    let order = |_| Order {
        action: shell("sleep 60"),
        body: String::new(),
        environment: Vec::new(),
        again: true,
        done: Box::new(|_| {}),
    };
    let taken = (0..1000).map_while(|number| worker.order(order(number)).ok()).count();
    assert!((MOST_WAITING..=MOST_WAITING + AT_ONCE + 2).contains(&taken), "{taken}");
    let begun = Instant::now();
    drop(worker);
    assert!(begun.elapsed() < SOON, "it waited for all of them");
}

/// A server that gives these answers, one to each request; and what it was asked.
fn server(answers: &'static [&'static str]) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        for (answer, stream) in answers.iter().zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            while !text.ends_with("{\"id\":1}") {
                let mut buffer = [0; 512];
                let read = stream.read(&mut buffer).unwrap();
                assert_ne!(read, 0, "{text}");
                text += std::str::from_utf8(&buffer[..read]).unwrap();
            }
            let _ = tell.send(text);
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 2\r\n\r\nno").unwrap();
        }
    });
    (port, asked)
}

fn to(port: u16, header: Option<(&str, &str)>) -> Action {
    Action::Webhook(Webhook::new(&format!("http://127.0.0.1:{port}/hook?a=b"), header).unwrap())
}

#[test]
fn webhooks_are_called_where_they_may_be() {
    let hook = |url: &str| Webhook::new(url, None).unwrap();
    let hosts = ["alerts.example".to_owned(), "10.0.0.5:9093".to_owned(), "[::1]:443".to_owned()];
    for good in
        ["http://alerts.example/x", "https://ALERTS.example:8443", "http://10.0.0.5:9093/", "https://[::1]/"]
    {
        assert!(hook(good).is_at(&hosts), "{good}");
    }
    for elsewhere in [
        "http://10.0.0.5/",
        "http://127.0.0.1/",
        "http://x.alerts.example/",
        "http://[::1]/",
        "http://alerts.example.org/",
    ] {
        assert!(!hook(elsewhere).is_at(&hosts), "{elsewhere}");
    }

    let (port, asked) = server(&["204 No Content", "204 No Content"]);
    let outcome_at = |host: String| {
        let worker = Worker::start(Vec::new(), vec![host]).unwrap();
        let (tell, told) = channel();
        let done = Box::new(move |outcome| tell.send(outcome).unwrap());
        let (action, body, environment) = (to(port, None), "{\"id\":1}".to_owned(), Vec::new());
        worker.order(Order { action, body, environment, again: true, done }).unwrap();
        told.recv_timeout(SOON).unwrap()
    };
    let refused = outcome_at("alerts.example".to_owned()).unwrap_err();
    assert_eq!(refused.why, format!("127.0.0.1:{port}: the host's option webhook-hosts does not name it"));
    assert!(asked.try_recv().is_err(), "it was not reached");
    assert_eq!(outcome_at(format!("127.0.0.1:{port}")).unwrap(), "204 No Content");
}

#[test]
fn a_webhook_is_told_in_json_with_its_secret() {
    let (port, asked) = server(&["204 No Content"]);
    assert_eq!(done(to(port, Some(("X-Token", "open sesame"))), true).unwrap(), "204 No Content");
    let asked = asked.recv().unwrap();
    assert!(asked.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{asked}");
    for header in ["content-type: application/json", "x-token: open sesame", "content-length: 8"] {
        assert!(asked.contains(&format!("{header}\r\n")), "{asked}");
    }
    assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
}

#[test]
fn a_server_that_fails_is_asked_again_and_one_that_refuses_is_not() {
    let (port, asked) = server(&["503 Busy", "200 OK"]);
    assert_eq!(done(to(port, None), true).unwrap(), "200 OK");
    assert_eq!(asked.try_iter().count(), 2);
    let (port, asked) = server(&["503 Busy", "200 OK"]);
    assert!(done(to(port, None), false).unwrap_err().why.contains("503"), "once, if it is a test");
    assert_eq!(asked.try_iter().count(), 1);
    for answer in [&["403 Forbidden", "200 OK"], &["302 Found\r\nlocation: /", "200 OK"]] {
        let (port, asked) = server(answer);
        let failure = done(to(port, None), true).unwrap_err();
        assert_eq!((failure.said.as_deref(), asked.try_iter().count()), (Some("no"), 1), "{failure}");
    }
}

#[test]
fn what_is_no_webhook_is_refused() {
    for bad in [
        "",
        "hook",
        "/hook",
        "ftp://a/b",
        "http://",
        "https:///x",
        "http://a b/",
        "http://a/#b",
        "file:///etc",
    ] {
        assert!(matches!(Webhook::new(bad, None), Err(BadUrl::Url(_))), "{bad}");
    }
    assert_eq!(Webhook::new("https://me:secret@a/", None), Err(BadUrl::Password));
    for name in ["", "a b", "host", "Content-Length", "a:b", "a\r\nb"] {
        assert!(matches!(Webhook::new("http://a/", Some((name, "x"))), Err(BadUrl::Header(_))), "{name}");
    }
    for secret in ["", "a\r\nb: c", "\u{e9}", &"x".repeat(1025)] {
        assert_eq!(Webhook::new("http://a/", Some(("x-token", secret))), Err(BadUrl::Secret), "{secret}");
    }
    let hook = Webhook::new("http://[::1]:80/", Some(("x-token", "sesame"))).unwrap();
    assert!(!format!("{hook:?}").contains("sesame"));
}

#[tokio::test(flavor = "current_thread")]
async fn over_tls_the_server_has_to_be_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let hook = Webhook::new(&format!("https://localhost:{port}/"), None).unwrap();
    let mut roots = RootCertStore::empty();
    let refused = hook.call_once("{}", || &roots).await.unwrap_err();
    assert!(refused.failure.why.contains("certificate"), "{refused:?}");
    roots.add(certificate).unwrap();
    assert_eq!(hook.call_once("{}", || &roots).await.unwrap(), "200 OK");
}

//! Long work: what a terminal shows meanwhile, and what Ctrl-C does. The host is one that this file plays, so that work takes as
//! long as it should.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::DirBuilder;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::terminal::OnTerminal;
use support::{Place, Running, SOON};

/// A host that does one operation, number 7.
#[derive(Default)]
struct Played {
    /// After how many looks it is done; 0 for never.
    looks: u32,
    cancellable: bool,
    looked: AtomicU32,
    cancelled: AtomicBool,
}

impl Played {
    /// Listens where a host does.
    fn listen(self, place: &Place) -> Arc<Self> {
        let directory = place.path().join("memtide");
        DirBuilder::new().mode(0o700).create(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("host.socket")).unwrap();
        let host = Arc::new(self);
        let played = Arc::clone(&host);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let host = Arc::clone(&played);
                thread::spawn(move || host.answer(&stream.unwrap()));
            }
        });
        host
    }

    fn answer(&self, mut stream: &UnixStream) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let Some(request) = lines.next() else { return };
        lines.find(String::is_empty);
        if request.contains("wait=") {
            thread::sleep(Duration::from_millis(400));
            self.looked.fetch_add(1, Ordering::SeqCst);
        }
        if request.contains("/cancel") {
            self.cancelled.store(true, Ordering::SeqCst);
        }
        let body = self.operation().to_string();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    fn operation(&self) -> Value {
        let looked = self.looked.load(Ordering::SeqCst);
        let state = match () {
            () if self.cancelled.load(Ordering::SeqCst) => "cancelled",
            () if self.looks > 0 && looked >= self.looks => "done",
            () => "running",
        };
        json!({
            "id": 7, "kind": "start", "vm": "web", "state": state, "progress": 0.4, "done_bytes": 4096,
            "total_bytes": null, "cancellable": self.cancellable && state == "running", "started_at_milliseconds": 0,
            "ended_at_milliseconds": null, "message": null, "problem": null,
        })
    }
}

fn in_background(place: &Place, args: &[&str]) -> Running {
    Running::new(place.memtide(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits until somebody has asked how an operation is going.
#[track_caller]
fn is_looked_at(looks: &AtomicU32) {
    let deadline = Instant::now() + SOON;
    while looks.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "nobody looks at the operation");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_terminal_shows_how_it_is_going_and_then_what_came_of_it() {
    let place = Place::new();
    Played { looks: 5, cancellable: true, ..Played::default() }.listen(&place);
    let mut command = place.memtide(&["start", "web"]);
    command.env("TERM", "xterm");
    let mut terminal = OnTerminal::start(command);
    terminal.program.expect("starting web, 40 % (Ctrl-C cancels), 1 s", SOON);
    terminal.program.expect("\r\u{1b}[Kweb is started", SOON);
    assert!(terminal.program.end(SOON).success(), "{}", terminal.program.said());
}

#[test]
fn programs_never_see_it() {
    let place = Place::new();
    Played { looks: 4, ..Played::default() }.listen(&place);
    let output = place.ask(&["start", "web", "-o", "json"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document, json!([{"name": "web", "done": "started"}]));
}

#[test]
fn ctrl_c_cancels_it_on_the_host_and_says_what_is_so_now() {
    let place = Place::new();
    let host = Played { cancellable: true, ..Played::default() }.listen(&place);
    let mut starting = in_background(&place, &["start", "web"]);
    // It waits once it has looked.
    is_looked_at(&host.looked);
    starting.signal(Signal::INT);
    assert_eq!(starting.end(SOON).code(), Some(130), "{}", starting.said());
    starting.expect("error: interrupted; cancelled: web is stopped", SOON);
    assert!(host.cancelled.load(Ordering::SeqCst));
}

#[test]
fn ctrl_c_leaves_what_cannot_be_cancelled_to_the_host() {
    let place = Place::new();
    let host = Played::default().listen(&place);
    let mut starting = in_background(&place, &["start", "web"]);
    is_looked_at(&host.looked);
    starting.signal(Signal::INT);
    assert_eq!(starting.end(SOON).code(), Some(130), "{}", starting.said());
    starting.expect("the host goes on: starting web", SOON);
    starting.expect("hint: 'memtide operation show 7'", SOON);
    assert!(!host.cancelled.load(Ordering::SeqCst));
}

#[test]
fn an_operation_is_cancelled_by_its_number() {
    let place = Place::new();
    let host = Played { cancellable: true, ..Played::default() }.listen(&place);
    assert_eq!(place.json(&["operation", "show", "7"])["state"], "running");
    assert_eq!(place.json(&["operation", "cancel", "7"])["state"], "cancelled");
    assert!(host.cancelled.load(Ordering::SeqCst));
    let told = place.tell(&["operation", "show", "7"]);
    for (column, value) in [("state", "cancelled"), ("progress", "40.0 %"), ("cancellable", "no")] {
        assert!(
            told.contains(&format!(
                "{column:<11}  {value}
"
            )),
            "{column}: {told}"
        );
    }
}

//! The client against a host of its own, over a socket.

use addr::ByteSize;
use api::Server;
use client::model::{
    AlarmRuleChange, AlarmRuleSpec, AlarmSubject, AlarmThreshold, Level, OperationKind, OperationState,
    PoolSpec, Power, RestartVm, Secret, SettingsChange, StopVm, VmChange, VmSpec, Webhook,
};
use client::{Client, Error, Message};
use host::{Host, HostConfig};
use model::ProblemCode;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

struct Place {
    dir: TempDir,
    host: Host,
    client: Client,
    server: Option<Server>,
}

/// A kernel that says `hi` to SBI's console and then waits for ever.
fn talking_kernel() -> Vec<u8> {
    // li a7, 1 (legacy console_putchar); li a0, c; ecall.
    let say = |letter: u8| [0x0010_0893, 0x0000_0513 | u32::from(letter) << 20, 0x0000_0073];
    kernels::image(&[&say(b'h')[..], &say(b'i'), &kernels::WAIT].concat())
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("kernel"), talking_kernel()).unwrap();
        let host = Host::open(&HostConfig {
            state: dir.path().join("state"),
            machine_memory: ByteSize::mib(128),
            swap: dir.path().join("swap"),
        })
        .unwrap();
        let socket = dir.path().join("host.socket");
        let mut server = Server::start(&host, &dir.path().join("state"), Vec::new(), Vec::new()).unwrap();
        server.listen_unix(&socket, None).unwrap();
        Self { dir, host, client: Client::new(socket), server: Some(server) }
    }

    fn spec(&self, name: &str) -> VmSpec {
        VmSpec::new(name, ByteSize::mib(64), self.dir.path().join("kernel"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.host.shutdown();
        // It waits for its clients, which nobody may do on a runtime's thread.
        let server = self.server.take();
        std::thread::spawn(move || drop(server)).join().unwrap();
    }
}

fn code(error: Error) -> ProblemCode {
    match error {
        Error::Problem(problem) => problem.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_takes_long_is_waited_for_and_a_failure_is_the_operations() {
    let place = Place::new();
    let client = &place.client;
    client.create(&place.spec("web")).await.unwrap();
    assert_eq!(client.start("web").await.unwrap().info.power, Power::Running);
    assert_eq!(code(client.start("web").await.unwrap_err()), ProblemCode::NotStopped);
    assert_eq!(client.unswap("web").await.unwrap(), ByteSize(0));
    assert_eq!(client.audit().await.unwrap(), "all invariants hold");
    client.audit_vm("web").await.unwrap();
    assert_eq!(client.pause("web").await.unwrap().info.power, Power::Paused);
    assert_eq!(code(client.type_in("web", "x").await.map(drop).unwrap_err()), ProblemCode::Paused);
    assert_eq!(client.resume("web").await.unwrap().info.power, Power::Running);
    let before = client.vm("web").await.unwrap().info.id;
    assert_eq!(client.restart("web", &RestartVm::default()).await.unwrap().info.id, before);
    let unforced = RestartVm { guest: true, force: false, ..RestartVm::default() };
    assert_eq!(code(client.restart("web", &unforced).await.unwrap_err()), ProblemCode::StillRuns);
    let how = client.stop("web", &StopVm::default()).await.unwrap();
    assert_eq!(how, "web is powered off: no agent runs in its guest");
    assert_eq!(client.vm("web").await.unwrap().info.power, Power::Stopped);
    assert_eq!(code(client.pause("web").await.unwrap_err()), ProblemCode::NotRunning);
    client.create(&VmSpec { kernel: "/nowhere".into(), ..place.spec("lost") }).await.unwrap();
    assert_eq!(code(client.start("lost").await.unwrap_err()), ProblemCode::GuestFile);
    let operations = client.operations().await.unwrap();
    assert_eq!(operations.last().unwrap().state, OperationState::Failed);
    let begun = client.begin(OperationKind::Audit, None).await.unwrap();
    assert_eq!(client.finish(begun.id).await.unwrap().state, OperationState::Done);
    assert_eq!(code(client.cancel(begun.id).await.unwrap_err()), ProblemCode::OperationOver);
}

#[tokio::test]
async fn changes_are_made_at_the_revision_that_was_read() {
    let place = Place::new();
    let client = &place.client;
    client.create(&place.spec("web")).await.unwrap();
    let read = client.revised_vm("web").await.unwrap();
    let change = |cpus| VmChange { cpus: Some(cpus), ..VmChange::default() };
    client.set_if("web", &change(2), &read.revision).await.unwrap();
    assert_eq!(
        code(client.set_if("web", &change(3), &read.revision).await.unwrap_err()),
        ProblemCode::Changed
    );
    assert_eq!(client.vm("web").await.unwrap().info.spec.cpus, 2);
    client.create_pool(&PoolSpec::new("lab")).await.unwrap();
    assert!(client.revised_pool("lab").await.unwrap().revision.starts_with('"'));
    let read = client.revised_settings().await.unwrap();
    assert_eq!(client.set_setting("mem.idletax", 40).await.unwrap().value, 40);
    let back = SettingsChange([("Mem.IdleTax".to_owned(), None)].into());
    assert_eq!(
        code(client.set_settings(&back, Some(&read.revision)).await.unwrap_err()),
        ProblemCode::Changed
    );
    client.set_settings(&back, None).await.unwrap();
    assert_eq!(client.revised_settings().await.unwrap(), read);
}

#[tokio::test]
async fn a_console_is_heard_and_typed_to_until_its_vm_is_gone() {
    let place = Place::new();
    let client = &place.client;
    client.create(&place.spec("web")).await.unwrap();
    assert_eq!(code(client.console("nobody", 0).await.unwrap_err()), ProblemCode::NoSuchVm);
    let (mut output, mut input) = client.console("web", 0).await.unwrap();
    client.start("web").await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let more = timeout(Duration::from_secs(20), output.next()).await.unwrap().unwrap();
        heard.extend_from_slice(&more.expect("it goes on").bytes);
    }
    assert_eq!(heard, b"hi");
    input.type_in("ls\n").await.unwrap();
    // More than one message may have, and than the guest takes: a place that is lost would be somebody's below.
    input.type_in(vec![b'x'; 100 << 10]).await.unwrap();
    assert_eq!(client.said("web", 0).await.unwrap().bytes, "hi");
    assert_eq!(client.said("web", 1).await.unwrap(), client::Said { from: 1, bytes: "i".into() });
    // As many as there are places; who leaves gives theirs back.
    let mut others = Vec::new();
    let full = loop {
        match client.console("web", 0).await {
            Ok(other) => others.push(other),
            Err(error) => break code(error),
        }
    };
    assert_eq!((full, others.len()), (ProblemCode::TooManyFollowers, 31));
    others.clear();
    let again = async {
        while client.console("web", 0).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), again).await.expect("places are given back");
    client.stop("web", &StopVm { now: true, ..StopVm::default() }).await.unwrap();
    client.remove("web").await.unwrap();
    assert_eq!(timeout(Duration::from_secs(20), output.next()).await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn a_stream_is_taken_up_again_where_it_was_left() {
    let place = Place::new();
    let client = &place.client;
    let mut stream = client.stream(None).await.unwrap();
    assert!(matches!(stream.next().await.unwrap(), Some(Message::Snapshot(_))));
    let id = stream.id().unwrap().to_owned();
    drop(stream);
    client.create(&place.spec("web")).await.unwrap();
    let mut stream = client.stream(Some(&id)).await.unwrap();
    let event = loop {
        if let Some(Message::Event(event)) = stream.next().await.unwrap() {
            break event;
        }
    };
    assert!(event.seq > 1, "{event:?}");
    let mut events = client.follow_events(0, true).await.unwrap();
    let Some(Message::Event(first)) = events.next().await.unwrap() else { panic!("no event") };
    assert_eq!((first.seq, first.event.as_str()), (1, "host-opened"));
}

#[tokio::test]
async fn alarms_are_seen_and_their_rules_changed_as_they_were_read() {
    let place = Place::new();
    let client = &place.client;
    let threshold = AlarmThreshold { raise: Level::Number(99.0), clear: None };
    let template = client.alarm_rule("swap-disk-full").await.unwrap().spec;
    let rule = AlarmRuleSpec {
        name: "little-free".to_owned(),
        subject: AlarmSubject::HostFree,
        warning: Some(threshold),
        critical: None,
        raise_after_seconds: 0,
        command: Some(vec!["/bin/echo".to_owned(), "hello".to_owned()]),
        ..template
    };
    client.create_alarm_rule(&rule).await.unwrap();
    let said = client.test_alarm_rule("little-free").await.unwrap().command.unwrap().said;
    assert_eq!(said.as_deref(), Some("hello"));
    let alarm = timeout(Duration::from_secs(20), async {
        loop {
            if let Some(alarm) =
                client.alarms().await.unwrap().into_iter().find(|alarm| alarm.rule == rule.name)
            {
                break alarm;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let alarm = alarm.await.unwrap();
    assert!(client.acknowledge_alarm(alarm.id).await.unwrap().acknowledged.is_some());
    assert_eq!(code(client.acknowledge_alarm(999).await.unwrap_err()), ProblemCode::NoSuchAlarm);
    let read = client.revised_alarm_rule("little-free").await.unwrap();
    let webhook = Webhook {
        url: "http://127.0.0.1:9/".to_owned(),
        header: Some("x-token".to_owned()),
        secret: Some(Secret("sesame".to_owned())),
    };
    let change = AlarmRuleChange { webhook: Some(Some(webhook)), ..AlarmRuleChange::default() };
    let changed = client.set_alarm_rule("little-free", &change, Some(&read.revision)).await.unwrap();
    assert_eq!(changed.spec.webhook.unwrap().secret, None);
    let late = client.set_alarm_rule("little-free", &change, Some(&read.revision)).await;
    assert_eq!(code(late.unwrap_err()), ProblemCode::Changed);
    client.remove_alarm_rule("little-free").await.unwrap();
    assert_eq!(code(client.alarm_rule("little-free").await.unwrap_err()), ProblemCode::NoSuchAlarmRule);
}

//! Guests that are asked to shut down: by an agent that does what it should, and by others.

mod guest;

use addr::ByteSize;
use guest::Guest;
use machine::Pool;
use std::time::{Duration, Instant};
use vm::boot::Initrd;
use vm::{Config, Ended, NotAnswering};

const MEMORY: ByteSize = ByteSize::mib(128);

/// A Debian guest whose agent has opened its port.
fn start(pool: &Pool, commands: &str) -> Option<Guest> {
    let files = guest::debian()?;
    let guest = Guest::start(&guest::programs(&files, MEMORY, "", commands), pool, 1);
    assert_eq!(request_shutdown(&guest), Err(NotAnswering::NoAgent), "the kernel has hardly begun");
    assert_eq!(guest.vm.agent_answers(), Some(false));
    guest.console.expect("shell ready");
    wait_for(&guest, None);
    Some(guest)
}

fn request_shutdown(guest: &Guest) -> Result<(), NotAnswering> {
    guest.vm.request_shutdown(Instant::now() + guest::PATIENCE)
}

/// Waits until an agent seems to be there or not: what that means is for `agent_answers` to say.
fn wait_for(guest: &Guest, answers: Option<bool>) {
    let deadline = Instant::now() + guest::PATIENCE;
    while guest.vm.agent_answers() != answers {
        let devices = || guest.vm.statistics().devices;
        assert!(Instant::now() < deadline, "{answers:?}\n{}\n{:?}", guest.console.text(), devices());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_guest_that_is_asked_finishes_what_it_does_and_powers_itself_off() {
    let pool = Pool::new(MEMORY).unwrap();
    let commands =
        "trap 'sync; echo all is writ''ten; exit 0' TERM; echo wai''ting; while :; do sleep 1; done";
    let Some(guest) = start(&pool, commands) else { return };
    guest.console.expect("waiting");
    assert_eq!((guest.vm.agent_is_due(), guest.vm.heartbeats()), (true, Some(0)));
    assert_eq!(guest.vm.ask_agent(), Ok(()));
    assert_eq!((guest.vm.agent_is_due(), guest.vm.heartbeats()), (false, Some(1)));
    assert_eq!(guest.vm.agent_answers(), Some(true));
    assert_eq!(request_shutdown(&guest), Ok(()));
    guest.end_well();
    let text = guest.console.text();
    for said in ["memtide: shutting down", "all is written"] {
        assert!(text.contains(said), "no '{said}' in:\n{text}");
    }
    assert_eq!(request_shutdown(&guest), Err(NotAnswering::NoAgent), "it has ended");
    guest.take_down();
    guest::assert_unused(&pool);
}

/// Starts Debian's agent at the port of its name, where udev would have a link.
const DEBIANS_AGENT: &str = "kill $(pidof mt); while pidof mt; do sleep 0.1; done; echo no age''nt; n=$(grep -l guest_agent /sys/class/virtio-ports/*/name); n=${n%/name}; \
     qemu-ga --method virtio-serial --path /dev/${n##*/} --statedir /tmp";

#[test]
fn the_agent_that_debian_has_answers_and_shuts_its_guest_down() {
    const AGENT: &str = "agent.cpio";
    let Some(files) = kernels::bootable_debian(&["Image", "memtide.cpio", AGENT]) else { return };
    let pool = Pool::new(MEMORY).unwrap();
    let config = guest::programs(&files, MEMORY, "", DEBIANS_AGENT);
    // One archive behind the other is unpacked over it.
    let initrd = [guest::read(&files, "memtide.cpio"), guest::read(&files, AGENT)].concat();
    let initrd = Some(Initrd::parse("memtide.cpio and agent.cpio", initrd).unwrap());
    let guest = Guest::start(&Config { initrd, ..config }, &pool, 1);
    // The test guest's own has gone.
    guest.console.expect("no agent");
    let deadline = Instant::now() + guest::PATIENCE;
    while guest.vm.ask_agent().is_err() {
        assert!(Instant::now() < deadline, "{}", guest.console.text());
        std::thread::sleep(Duration::from_millis(50));
    }
    for _ in 0..100 {
        assert_eq!(guest.vm.ask_agent(), Ok(()), "{}", guest.console.text());
    }
    assert_eq!(guest.vm.agent_answers(), Some(true));
    assert_eq!(request_shutdown(&guest), Ok(()));
    assert_eq!(guest.end(), Ended::PoweredOff, "{}", guest.console.text());
    assert!(guest.console.text().contains("shutdown -h -P +0"), "{}", guest.console.text());
    guest.take_down();
    guest::assert_unused(&pool);
}

/// What stands in for an agent, as typed to a shell that has the port open as its file 3.
const REFUSES: &str = r#"while read -r ask; do case $ask in
*shutdown*) echo '{"error": {"class": "GenericError", "desc": "not today"}}';;
*) n=${ask##*id\":}; printf '\377{"return": %s}\n' ${n%%\}*};;
esac; done <&3 >&3 &"#;
const TALKS_NONSENSE: &str = r#"while read -r ask; do echo '{"return": 1} {"retu'; done <&3 >&3 &"#;

#[test]
fn agents_that_do_not_answer_cost_patience_and_nothing_else() {
    let pool = Pool::new(MEMORY).unwrap();
    let Some(guest) = start(&pool, "") else { return };
    let tell = |line: &str, done: &str| {
        guest.send(&format!("{line}\necho {}'{}'\n", &done[..1], &done[1..]));
        guest.console.expect(done);
    };
    tell("kill $(pidof mt)", "killed");
    wait_for(&guest, Some(false));
    assert_eq!(request_shutdown(&guest), Err(NotAnswering::NoAgent));

    tell(
        "n=$(grep -l guest_agent /sys/class/virtio-ports/*/name); n=${n%/name}; exec 3<>/dev/${n##*/}",
        "opened",
    );
    wait_for(&guest, None);
    let start = Instant::now();
    assert_eq!(request_shutdown(&guest), Err(NotAnswering::Silent));
    assert!((4..30).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(guest.vm.agent_answers(), Some(false));
    assert_eq!(guest.vm.request_shutdown(Instant::now()), Err(NotAnswering::Silent));

    tell(TALKS_NONSENSE, "nonsense");
    assert_eq!(guest.vm.ask_agent(), Err(NotAnswering::Silent));
    tell("kill $!; cat /dev/zero >&3 &", "flooding");
    assert_eq!(guest.vm.ask_agent(), Err(NotAnswering::Silent));
    tell("kill $!", "dry");
    tell(REFUSES, "refusing");
    assert_eq!(request_shutdown(&guest), Err(NotAnswering::Refused("not today".to_owned())));
    assert_eq!(guest.vm.agent_answers(), Some(true));

    // The next one finds nothing of all that.
    tell("kill $!; exec 3<&-", "closed");
    wait_for(&guest, Some(false));
    tell("mt agent &", "again");
    wait_for(&guest, None);
    assert_eq!(request_shutdown(&guest), Ok(()));
    assert_eq!(guest.end(), Ended::PoweredOff, "{}", guest.console.text());
    guest.take_down();
}

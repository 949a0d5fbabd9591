use super::*;
use crate::plan::plan;
use crate::snapshot::{Balloon, Controls, Host, Overhead, Pages, Snapshot, Vm};
use crate::{HostState, Settings, Slowdown};
use addr::ByteSize;
use proptest::prelude::*;

/// Three VMs on a host that is full: they hold 100, 300 and 200 MiB, and what is not `reserved` is over their targets.
fn full(reserved: [u64; 3]) -> Plan {
    let vm = |(id, (held, reserved)): (u32, (u64, u64))| Vm {
        id: VmId(id),
        name: format!("vm{id}"),
        pool: None,
        size: ByteSize::mib(512).pages(),
        controls: Controls { reservation: ByteSize::mib(reserved).pages(), ..Controls::default() },
        overhead: Overhead::default(),
        pages: Pages {
            private: ByteSize::mib(held).pages(),
            untouched: ByteSize::mib(512 - held).pages(),
            ..Pages::default()
        },
        active: ByteSize::mib(held).pages(),
        balloon: Balloon {
            conduct: crate::balloon::Conduct::Absent,
            rate: PageCount(0),
            yields: None,
            cap: None,
            cushion: PageCount(0),
        },
        slowdown: Slowdown::default(),
        waits: false,
        swap_fails: false,
    };
    let host = Host {
        memory: ByteSize::mib(600).pages(),
        free: PageCount(0),
        overhead: PageCount(0),
        swap_space: ByteSize::mib(2000).pages(),
        state: HostState::Low,
        may_recover: true,
        settings: Settings::default(),
    };
    let vms = (1..).zip([100, 300, 200].into_iter().zip(reserved)).map(vm).collect();
    plan(&Snapshot { host, pools: Vec::new(), vms }).unwrap()
}

/// min-free is 1000 pages, so 1250 are wanted free, and below 160 memory is out.
fn thresholds() -> Thresholds {
    Thresholds::new(PageCount(10_000), 10)
}

/// One second after another, each with the frames free, those that came free, and whether somebody waits.
fn then(start: &Standstill, seconds: impl IntoIterator<Item = (u64, u64, bool)>) -> Standstill {
    seconds.into_iter().fold(start.clone(), |standstill, (free, freed, waited_for)| {
        let tick = standstill.now + 1;
        standstill.second(Second { tick, free: PageCount(free), freed, waited_for }, &thresholds())
    })
}

fn after(seconds: u64, free: u64, freed: u64, start: &Standstill) -> Standstill {
    then(start, (0..seconds).map(|_| (free, freed, true)))
}

const ALL: [VmId; 3] = [VmId(1), VmId(2), VmId(3)];

#[test]
fn a_standstill_is_borne_for_a_while_and_ended_by_whoever_gives_most() {
    let plan = full([0; 3]);
    let over = plan.vm(VmId(2)).unwrap().reclaim.over;
    assert!(over.0 > 0 && over > plan.vm(VmId(3)).unwrap().reclaim.over, "{plan:?}");
    let almost = after(PATIENCE, 0, 0, &Standstill::default());
    assert_eq!((almost.seconds(), almost.who_must_end(&plan, ALL)), (PATIENCE - 1, None));
    let over = after(1, 0, 0, &almost);
    assert_eq!(over.who_must_end(&plan, ALL), Some(VmId(2)));
    assert_eq!(over.who_must_end(&plan, ALL.into_iter().rev()), Some(VmId(2)), "in any order");
}

#[test]
fn whoevers_swap_file_works_is_never_ended() {
    let long = after(100 * PATIENCE, 0, 0, &Standstill::default());
    assert_eq!(long.who_must_end(&full([0; 3]), []), None);
    assert_eq!(long.who_must_end(&full([0; 3]), [VmId(1), VmId(7)]), None, "nor one within its target");
    assert_eq!(long.who_must_end(&full([0, 300, 0]), [VmId(2)]), None, "nor one within its reservation");
}

#[test]
fn a_page_now_and_then_is_no_progress() {
    // Zeros and equal pages come free, in some seconds there is a frame, in some nobody happens to wait.
    let trickle = (0..=PATIENCE).map(|second| match second % 5 {
        1 => (0, 40, true),
        2 => (3, 0, true),
        3 => (200, 100, true),
        4 => (0, 0, false),
        _ => (0, 0, true),
    });
    let still = then(&Standstill::default(), trickle);
    assert_eq!(still.seconds(), PATIENCE);
    assert_eq!(still.who_must_end(&full([0; 3]), ALL), Some(VmId(2)));
}

#[test]
fn progress_and_calm_end_the_wait() {
    let plan = full([0; 3]);
    let before = after(PATIENCE, 0, 0, &Standstill::default());
    assert_eq!(after(1, 0, 1250, &before).seconds(), 0, "as much as should be free came free");
    for calm in [(160, 0, true), (0, 0, false)] {
        assert!(then(&before, [calm; CALM - 1]).seconds() > 0);
        let over = then(&before, [calm; CALM]);
        assert_eq!(over.seconds(), 0);
        assert_eq!(after(PATIENCE, 0, 0, &over).who_must_end(&plan, ALL), None, "the wait begins anew");
    }
    // A VM that ended gave it, say, and nothing had to be taken.
    assert!(after(1, 639, 0, &before).seconds() > 0);
    assert_eq!(after(1, 640, 0, &before).seconds(), 0, "memory is free");
    // A slow disk that brings as much in half a minute, whatever it brings in a second.
    let slow = after(10 * PATIENCE, 0, 1250 / PATIENCE + 1, &Standstill::default());
    assert!(slow.seconds() < PATIENCE, "{slow:?}");
}

proptest! {
    #[test]
    fn nobody_is_ended_while_memory_comes_free_and_somebody_is_when_it_does_not(
        seconds in prop::collection::vec((0u64..300, 0u64..120, any::<bool>()), 31..200)
    ) {
        let mut standstill = Standstill::default();
        for (end, &second) in seconds.iter().enumerate() {
            standstill = then(&standstill, [second]);
            let window = &seconds[(end + 1).saturating_sub(PATIENCE as usize)..=end];
            let freed: u64 = window.iter().map(|second| second.1).sum();
            let out = |second: &(u64, u64, bool)| second.0 < 160 && second.2;
            if standstill.seconds() >= PATIENCE {
                prop_assert!(freed < 1250 && window.iter().any(out));
            }
            let starved = end + 1 > PATIENCE as usize && seconds[end - PATIENCE as usize..=end].iter().all(out);
            let freed_before = seconds[end.saturating_sub(2 * PATIENCE as usize)..=end].iter().map(|second| second.1);
            if starved && freed_before.sum::<u64>() < 1250 {
                prop_assert!(standstill.seconds() >= PATIENCE, "{:?}", standstill);
            }
        }
    }
}

#[test]
fn a_guest_that_is_not_loaded_because_its_swap_file_fails_is_given_up_after_a_minute() {
    let after = |seconds: u64, pages: fn(u64) -> u64, fails: fn(u64) -> bool| {
        (1..=seconds).fold(Loading::default(), |loading, second| loading.second(pages(second), fails(second)))
    };
    assert!(!after(59, |_| 10, |_| true).must_end());
    assert!(after(60, |_| 10, |_| true).must_end());
    // A page now and then is no progress, nor is a file that seems to work whenever it is tried.
    assert!(after(60, |second| second, |second| second % 4 != 0).must_end());
    // One that gets on, however slowly, and one that only waits for others, may take as long as they take.
    assert!(!after(600, |second| 10 * second, |_| true).must_end());
    assert!(!after(600, |_| 10, |_| false).must_end());
    // What failed long ago does not count.
    assert!(!after(200, |_| 10, |second| second < 25).must_end());
}

use super::*;
use crate::plan::plan;
use crate::snapshot::{Balloon, Controls, Host, Overhead, Pages, Snapshot, Vm};
use crate::{HostState, Settings, Slowdown};
use addr::ByteSize;

/// Three VMs on a host that is full: they hold 100, 300 and 200 MiB, and what is not `reserved` is over their targets.
fn full(reserved: [u64; 3]) -> Plan {
    let vm = |(id, (held, reserved)): (u64, (u64, u64))| Vm {
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
        balloon: Balloon { conduct: crate::balloon::Conduct::Absent, rate: PageCount(0), cap: None },
        slowdown: Slowdown::default(),
    };
    let host = Host {
        memory: ByteSize::mib(600).pages(),
        free: PageCount(0),
        overhead: PageCount(0),
        swap_space: ByteSize::mib(2000).pages(),
        state: HostState::Low,
        settings: Settings::default(),
    };
    let vms = (1..).zip([100, 300, 200].into_iter().zip(reserved)).map(vm).collect();
    plan(&Snapshot { host, pools: Vec::new(), vms }).unwrap()
}

fn after(seconds: u64, free: u64, freed: u64, start: Standstill) -> Standstill {
    let seen = |tick| Second { tick, free: PageCount(free), freed };
    (start.now + 1..=start.now + seconds).fold(start, |standstill, tick| standstill.second(seen(tick)))
}

const ALL: [VmId; 3] = [VmId(1), VmId(2), VmId(3)];

#[test]
fn a_standstill_is_borne_for_a_while_and_ended_by_whoever_gives_most() {
    let plan = full([0; 3]);
    let over = plan.vm(VmId(2)).unwrap().reclaim.over;
    assert!(over.0 > 0 && over > plan.vm(VmId(3)).unwrap().reclaim.over, "{plan:?}");
    let almost = after(PATIENCE, 0, 0, Standstill::default());
    assert_eq!((almost.seconds(), almost.who_must_end(&plan, ALL)), (PATIENCE - 1, None));
    let over = after(1, 0, 0, almost);
    assert_eq!(over.who_must_end(&plan, ALL), Some(VmId(2)));
    assert_eq!(over.who_must_end(&plan, ALL.into_iter().rev()), Some(VmId(2)), "in any order");
}

#[test]
fn whoevers_swap_file_works_is_never_ended() {
    let long = after(100 * PATIENCE, 0, 0, Standstill::default());
    assert_eq!(long.who_must_end(&full([0; 3]), []), None);
    assert_eq!(long.who_must_end(&full([0; 3]), [VmId(1), VmId(7)]), None, "nor one within its target");
    assert_eq!(long.who_must_end(&full([0, 300, 0]), [VmId(2)]), None, "nor one within its reservation");
}

#[test]
fn whatever_moves_begins_the_wait_anew() {
    let plan = full([0; 3]);
    for (free, freed) in [(1, 0), (0, 1)] {
        let before = after(PATIENCE, 0, 0, Standstill::default());
        let moved = after(1, free, freed, before);
        assert_eq!(moved.seconds(), 0);
        assert_eq!(after(PATIENCE, 0, 0, moved).who_must_end(&plan, ALL), None);
    }
}

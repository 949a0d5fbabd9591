//! What resource pools do to the shares of their members.

mod fleet;

use fleet::{host, pool, vm};
use sched::{Shares, Snapshot, plan};

/// The targets in MiB.
fn targets(snapshot: &Snapshot) -> Vec<f64> {
    let plan = plan(snapshot).expect("a valid snapshot");
    plan.vms.iter().map(|vm| vm.entitlement.target.0 as f64 / 256.0).collect()
}

fn close(found: &[f64], expected: &[f64]) {
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.06);
    assert!(near && found.len() == expected.len(), "{found:?} instead of {expected:?}");
}

/// A pool of high level with one small VM in it has 64 times the shares of a small VM beside it, unless they scale.
#[test]
fn scalable_shares_give_the_members_of_a_pool_what_its_level_says() {
    let mut snapshot = host(360, vec![vm(1, 256, 256), vm(2, 256, 256)]);
    snapshot.pools = vec![pool(1, None), pool(2, None)];
    snapshot.pools[0].controls.shares = Shares::High;
    snapshot.vms[0].pool = Some(snapshot.pools[0].id);
    let fixed = targets(&snapshot);
    assert!(fixed[0] > 255.0 && fixed[1] < 105.0, "{fixed:?}");
    snapshot.pools.iter_mut().for_each(|pool| pool.scalable_shares = true);
    close(&targets(&snapshot), &[240.0, 120.0]);
    // A second member brings shares of its own, and takes overhead. The empty pool has next to none.
    snapshot.vms.push(vm(3, 256, 256));
    snapshot.vms[2].pool = snapshot.vms[0].pool;
    close(&targets(&snapshot), &[142.4, 71.2, 142.4]);
}

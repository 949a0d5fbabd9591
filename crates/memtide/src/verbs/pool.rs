//! Resource pools.

use crate::args::{Controls, Format, Pool, PoolControls};
use crate::error::Error;
use crate::print;
use crate::remote::Remote;
use crate::verbs::Done;
use crate::view;
use api::types::{self, PoolChange, PoolSpec};

pub(super) fn pool(remote: &Remote, verb: Pool) -> Result<(), Error> {
    match verb {
        Pool::Create { name, controls, output } => {
            let pool = remote.wait(remote.client.create_pool(&spec(name, controls)))?;
            show(&[pool], output.output)
        }
        Pool::Set { name, controls, output } => {
            let change = change(controls);
            if change == PoolChange::default() {
                return Err(Error::new("nothing is to be changed")
                    .hint("'memtide pool set --help' names what can be"));
            }
            let pool = remote.wait(remote.client.set_pool(&name, &change))?;
            show(&[pool], output.output)
        }
        Pool::Rm { name, output } => {
            remote.wait(remote.client.remove_pool(&name))?;
            print::show(&Done::to(&name, "removed"), output.output, Done::told)
        }
        Pool::Ls { output } => {
            let pools = remote.wait(remote.client.pools())?;
            print::show(&pools, output.output, |pools| view::pools(pools))
        }
    }
}

fn show(pool: &[types::Pool; 1], format: Format) -> Result<(), Error> {
    print::show(&pool[0], format, |_| view::pools(pool))
}

fn spec(name: String, of: PoolControls) -> PoolSpec {
    let Controls { reservation, limit, shares } = of.controls;
    let default = PoolSpec::new(&name);
    PoolSpec {
        parent: of.parent.and_then(|parent| parent.0),
        reservation_bytes: reservation.unwrap_or(default.reservation_bytes),
        expandable: of.expandable.unwrap_or(default.expandable),
        limit_bytes: limit.and_then(|limit| limit.0),
        shares: shares.unwrap_or(default.shares),
        name,
    }
}

fn change(of: PoolControls) -> PoolChange {
    let Controls { reservation, limit, shares } = of.controls;
    PoolChange {
        parent: of.parent.map(|parent| parent.0),
        reservation_bytes: reservation,
        expandable: of.expandable,
        limit_bytes: limit.map(|limit| limit.0),
        shares,
    }
}

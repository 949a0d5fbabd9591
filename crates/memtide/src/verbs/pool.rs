//! Resource pools.

use crate::args::{Decided, DocumentFormat, Pool, PoolControls};
use crate::error::Error;
use crate::list::tables::POOLS;
use crate::print;
use crate::remote::Remote;
use crate::verbs::Done;
use crate::view;
use addr::ByteSize;
use model::{self as types, PoolChange, PoolSpec};

pub(super) fn pool(remote: &Remote, verb: Pool) -> Result<(), Error> {
    match verb {
        Pool::Create { name, controls, output } => {
            let pool = remote.wait(remote.client.create_pool(&spec(remote, name, controls)?))?;
            show(&pool, output.output)
        }
        Pool::Set { name, controls, output } => {
            let change = change(remote, controls)?;
            if change == PoolChange::default() {
                return Err(Error::new("nothing is to be changed")
                    .hint("'memtide pool set --help' names what can be"));
            }
            let before = remote.wait(remote.client.pool(&name))?;
            let after = remote.wait(remote.client.set_pool(&name, &change))?;
            print::show(&after, output.output, |after| view::changes(&name, &change, &before, after))
        }
        Pool::Show { name, output } => show(&remote.wait(remote.client.pool(&name))?, output.output),
        Pool::Rm { name, output } => {
            remote.wait(remote.client.remove_pool(&name))?;
            print::show(&Done::to(&name, "removed"), output.output, Done::told)
        }
        Pool::Ls { list } => {
            let chosen = POOLS.choose(&list)?;
            chosen.print(remote.wait(remote.client.pools())?)
        }
    }
}

fn show(pool: &types::Pool, format: DocumentFormat) -> Result<(), Error> {
    print::show(pool, format, |pool| POOLS.facts(pool))
}

/// What a part in a pool's controls is of.
fn host_memory(remote: &Remote) -> Result<ByteSize, Error> {
    Ok(remote.wait(remote.client.status())?.ledger.total_bytes)
}

fn spec(remote: &Remote, name: String, of: PoolControls) -> Result<PoolSpec, Error> {
    let Decided { reservation, limit, shares } = of.controls.of(|| host_memory(remote))?;
    let default = PoolSpec::new(&name);
    Ok(PoolSpec {
        parent: of.parent.and_then(|parent| parent.0),
        reservation_bytes: reservation.unwrap_or(default.reservation_bytes),
        expandable: of.expandable.unwrap_or(default.expandable),
        scalable_shares: of.scalable_shares.unwrap_or(default.scalable_shares),
        limit_bytes: limit.flatten(),
        shares: shares.unwrap_or(default.shares),
        name,
    })
}

fn change(remote: &Remote, of: PoolControls) -> Result<PoolChange, Error> {
    let Decided { reservation, limit, shares } = of.controls.of(|| host_memory(remote))?;
    Ok(PoolChange {
        parent: of.parent.map(|parent| parent.0),
        reservation_bytes: reservation,
        expandable: of.expandable,
        scalable_shares: of.scalable_shares,
        limit_bytes: limit,
        shares,
    })
}

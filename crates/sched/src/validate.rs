//! What makes settings and snapshots usable, and what is said when they are not.
//!
//! **Model.** These are mistakes of whoever wrote the values, told apart from a lack of memory, which
//! [`crate::admission`] refuses.

use crate::settings::SettingError;
use crate::shares::{SHARES, Shares};
use crate::snapshot::{Controls, PoolId, Snapshot};
use addr::{ByteSize, PageCount, UnalignedSizeError, VmId};

/// Why a VM's or a resource pool's controls cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControlsError {
    /// A guarantee above the limit.
    #[error("the reservation of {reservation} is more than the limit of {limit}: raise one or lower the other",
        reservation = reservation.bytes(), limit = limit.bytes())]
    ReservationAboveLimit {
        /// Asked for.
        reservation: PageCount,
        /// In its way.
        limit: PageCount,
    },
    /// A guarantee of more than the guest can use.
    #[error("the reservation of {reservation} is more than the VM's size of {size}: reserve at most its size",
        reservation = reservation.bytes(), size = size.bytes())]
    ReservationAboveSize {
        /// Asked for.
        reservation: PageCount,
        /// In its way.
        size: PageCount,
    },
    /// A VM needs some memory.
    #[error("a VM's size must be at least one page")]
    NoSize,
    /// A VM that may have nothing.
    #[error("a limit of nothing leaves a VM no memory to run in: give it more, or none for no limit")]
    NoLimit,
    /// A number of shares out of range.
    #[error("{0} shares are out of range: take {first} to {last}, or low, normal or high",
        first = SHARES.start(), last = SHARES.end())]
    Shares(u64),
    /// Not a whole number of pages.
    #[error("the {what} is wrong: {error}")]
    Unaligned {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        error: UnalignedSizeError,
    },
}

/// Why a snapshot makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSnapshot {
    /// A pool lies in one that does not exist.
    #[error("resource pool '{pool}' cannot lie in pool {parent}: there is none of that number", parent = parent.0)]
    NoParent {
        /// Which pool.
        pool: String,
        /// Where it should lie.
        parent: PoolId,
    },
    /// A VM lies in a pool that does not exist.
    #[error("VM '{vm}' cannot lie in resource pool {pool}: there is none of that number",
        pool = pool.map_or(0, |pool| pool.0))]
    NoPool {
        /// The name of the VM.
        vm: String,
        /// Where it should lie.
        pool: Option<PoolId>,
    },
    /// A pool lies within itself.
    #[error("resource pool '{0}' would lie within itself: choose a parent outside it")]
    Cycle(String),
    /// Two pools with one id.
    #[error("there are two resource pools of number {}", .0.0)]
    TwoPools(PoolId),
    /// Two VMs with one id.
    #[error("there are two VMs of number {}", .0.0)]
    TwoVms(VmId),
    /// A VM's or pool's controls cannot be.
    #[error("{of}: {error}")]
    Controls {
        /// Whose.
        of: String,
        /// The reason.
        error: ControlsError,
    },
    /// An advanced setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// `size` in pages; `what` names it in the message.
///
/// # Errors
///
/// It is not a whole number of pages.
pub fn whole_pages(what: &'static str, size: ByteSize) -> Result<PageCount, ControlsError> {
    PageCount::try_from(size).map_err(|error| ControlsError::Unaligned { what, error })
}

impl Controls {
    /// Whether a VM of `size` can have these controls. A limit below the size is legal, however often it is a
    /// mistake.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check_vm(&self, size: PageCount) -> Result<(), ControlsError> {
        if size.0 == 0 {
            return Err(ControlsError::NoSize);
        }
        if self.reservation > size {
            return Err(ControlsError::ReservationAboveSize { reservation: self.reservation, size });
        }
        if self.limit == Some(PageCount(0)) {
            return Err(ControlsError::NoLimit);
        }
        self.check_pool()
    }

    /// Whether a resource pool can have these controls.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check_pool(&self) -> Result<(), ControlsError> {
        let reservation = self.reservation;
        match (self.limit, self.shares) {
            (Some(limit), _) if reservation > limit => {
                Err(ControlsError::ReservationAboveLimit { reservation, limit })
            }
            (_, Shares::Custom(number)) if !SHARES.contains(&number) => Err(ControlsError::Shares(number)),
            _ => Ok(()),
        }
    }
}

impl Snapshot {
    /// Whether controls and settings can be. [`crate::plan()`] copes if not; whoever edits a snapshot
    /// wants to know.
    ///
    /// # Errors
    ///
    /// The first that cannot be.
    pub fn check(&self) -> Result<(), InvalidSnapshot> {
        self.host.settings.check()?;
        for pool in &self.pools {
            let of = || format!("resource pool '{}'", pool.name);
            let told = |error| InvalidSnapshot::Controls { of: of(), error };
            pool.controls.check_pool().map_err(told)?;
        }
        for vm in &self.vms {
            let told = |error| InvalidSnapshot::Controls { of: format!("VM '{}'", vm.name), error };
            vm.controls.check_vm(vm.size).map_err(told)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(reservation: u64, limit: Option<u64>, shares: Shares) -> Controls {
        Controls { reservation: PageCount(reservation), limit: limit.map(PageCount), shares }
    }

    #[test]
    fn controls_that_contradict_each_other_are_refused_with_both_figures() {
        let size = PageCount(65_536);
        let told = |controls: Controls| controls.check_vm(size).map_err(|error| error.to_string());
        assert_eq!(told(controls(256, Some(256), Shares::High)), Ok(()));
        assert_eq!(
            told(controls(512, Some(256), Shares::Low)),
            Err("the reservation of 2 MiB is more than the limit of 1 MiB: raise one or lower the other"
                .into())
        );
        let above = told(controls(65_537, None, Shares::Low)).unwrap_err();
        assert!(above.contains("more than the VM's size of 256 MiB"), "{above}");
        assert_eq!(controls(65_537, None, Shares::Low).check_pool(), Ok(()));
        assert!(told(controls(0, None, Shares::Custom(0))).unwrap_err().contains("1 to 100000000"));
        assert_eq!(Controls::default().check_vm(PageCount(0)), Err(ControlsError::NoSize));
    }

    #[test]
    fn sizes_must_be_whole_pages() {
        assert_eq!(whole_pages("limit", ByteSize(8192)), Ok(PageCount(2)));
        let error = whole_pages("limit", ByteSize(8193)).unwrap_err().to_string();
        assert_eq!(error, "the limit is wrong: 8193 bytes is not a multiple of the page size, 4096 bytes");
    }
}

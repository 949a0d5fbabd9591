//! What would be different if: plans of an edited snapshot, which touch nothing.

use crate::catalog::{Edited, running_id};
use crate::core::Core;
use crate::error::HostError;
use crate::revision::Expected;
use crate::spec::{check_vm, controls_of_vm};
use addr::{ByteSize, PageCount, VmId};
use model::{Edit, VmChange, VmShift, VmSpec, WhatIf, shift};
use sched::admission::admit;
use sched::{Overhead, Pages, Snapshot, diff, plan};
use vm::Vm;

/// The number of a VM that is only imagined.
const IMAGINED: VmId = VmId(u32::MAX);

/// Compares the plan of the host as it was measured last with that after `edit`.
pub(crate) fn what_if(core: &Core, edit: &Edit) -> Result<WhatIf, HostError> {
    let measured = match edit {
        Edit::Vm { name, .. } | Edit::StopVm { name } => core.measured_with(name)?.1,
        Edit::AddVm { .. } | Edit::Setting { .. } => core.measured(),
    };
    let before = &measured.snapshot;
    let after = edited(core, before, edit)?;
    let invalid = |source| HostError::Invalid { what: "that cannot be".to_owned(), source };
    let (now, then) = (plan(before).map_err(invalid)?, plan(&after).map_err(invalid)?);
    let difference = diff(&now, &then);
    let vms = difference.vms.into_iter().map(|change| VmShift {
        name: before.vm(change.id).map(|vm| vm.name.clone()),
        entitlement: shift(change.target),
        worst_case: shift(change.worst_case),
        balloon_target: shift(change.balloon_target),
        swap_target: shift(change.swap_target),
    });
    Ok(WhatIf {
        refusal: refusal(core, edit)?,
        state_before: difference.state.0,
        state_after: difference.state.1,
        for_guests_before_bytes: difference.for_guests.before.bytes(),
        for_guests_after_bytes: difference.for_guests.after.bytes(),
        vms: vms.collect(),
    })
}

/// Why it would be refused by the host as it is now: by the same look at it as when the change is made.
fn refusal(core: &Core, edit: &Edit) -> Result<Option<String>, HostError> {
    if let Edit::Vm { name, .. } = edit {
        return Ok(match edited_vm(core, name, edit)?.admit(core) {
            Ok(()) => None,
            Err(HostError::Refused { refusal, .. }) => Some(refusal.to_string()),
            Err(error) => Some(error.to_string()),
        });
    }
    let books = core.books(&core.inventory.lock(), core.free_disk_seen());
    Ok(admit(&books, &edited(core, &books, edit)?).err().map(|refusal| refusal.to_string()))
}

/// The VM with an edit of its controls.
fn edited_vm(core: &Core, name: &str, edit: &Edit) -> Result<Edited, HostError> {
    let change = match edit {
        Edit::Vm { shares, reservation_bytes, limit_bytes, .. } => VmChange {
            shares: *shares,
            reservation_bytes: *reservation_bytes,
            limit_bytes: *limit_bytes,
            ..VmChange::default()
        },
        _ => VmChange::default(),
    };
    Edited::of(core, name, &change, &Expected::Anything, core.free_disk_seen())
}

fn edited(core: &Core, before: &Snapshot, edit: &Edit) -> Result<Snapshot, HostError> {
    let mut after = before.clone();
    match edit {
        Edit::Vm { name, .. } => {
            let index = index(core, before, name)?;
            after.vms[index].controls = controls_of_vm(&edited_vm(core, name, edit)?.new)?;
        }
        Edit::AddVm { memory_bytes, reservation_bytes, shares, pool, used_bytes } => {
            let spec = VmSpec {
                reservation_bytes: *reservation_bytes,
                shares: *shares,
                pool: pool.clone(),
                ..VmSpec::new("imagined", *memory_bytes, "/")
            };
            add(core, &mut after, &spec, used_bytes.unwrap_or(*memory_bytes))?;
        }
        Edit::StopVm { name } => {
            let vm = after.vms.remove(index(core, before, name)?);
            after.host.free.0 += vm.pages.consumed().0 + vm.overhead.used.0;
        }
        Edit::Setting { name, value } => after.host.settings.set(name, *value)?,
    }
    Ok(after)
}

fn index(core: &Core, snapshot: &Snapshot, name: &str) -> Result<usize, HostError> {
    let id = running_id(&core.inventory.lock(), name)?;
    let index = snapshot.vms.iter().position(|vm| vm.id == id);
    index.ok_or_else(|| HostError::NotRunning(name.to_owned()))
}

/// Adds a VM that holds and uses `used`.
fn add(core: &Core, after: &mut Snapshot, spec: &VmSpec, used: ByteSize) -> Result<(), HostError> {
    check_vm(spec)?;
    let inventory = core.inventory.lock();
    inventory.check_pool(spec.pool.as_ref())?;
    let overhead = Vm::most_overhead(spec.memory_bytes, spec.cpus).pages();
    let mut vm = inventory.vm_with(spec, IMAGINED, Overhead { reserved: overhead, used: overhead });
    drop(inventory);
    let used = used.pages().min(vm.size);
    vm.pages =
        Pages { private: used, untouched: PageCount(vm.size.0.saturating_sub(used.0)), ..Pages::default() };
    vm.active = used;
    after.host.free.0 = after.host.free.0.saturating_sub(used.0 + overhead.0);
    after.vms.push(vm);
    Ok(())
}

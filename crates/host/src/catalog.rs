//! Creating, changing and removing VMs, resource pools and settings.
//!
//! **Model.** Every change is checked, admitted where it touches running VMs, written down, and only then
//! made. What concerns a running VM's memory is made first, as that can still be refused.
//!
//! **Concurrency.** Under the right to change, so one after another.

use crate::core::Core;
use crate::error::HostError;
use crate::inventory::Inventory;
use crate::power::refused;
use crate::revision::{Expected, Revision};
use crate::running::Running;
use crate::spec::{check_pool, check_vm, controls_of_vm, mmu_choice};
use crate::swap_dir::check_answers;
use crate::visits::Visit;
use addr::{PageCount, VmId};
use model::{Afterwards, Autostart, Changed, PoolChange, PoolSpec, Power, VmChange, VmSpec, What};
use sched::Snapshot;
use sched::admission::admit;
use sched::settings::{Setting, SettingError, TABLE};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most VMs, running or not: each takes memory for as long as it is known.
const MOST_VMS: usize = 16_384;
/// Most resource pools.
const MOST_POOLS: usize = 4096;

/// Creates a VM, stopped.
pub(crate) fn create_vm(core: &Core, spec: VmSpec) -> Result<(), HostError> {
    check_vm(&spec)?;
    let state = core.change()?;
    {
        let inventory = core.inventory.lock();
        inventory.check_pool(spec.pool.as_ref())?;
        if inventory.vms.contains_key(&spec.name) {
            return Err(HostError::Exists { what: "VM", name: spec.name });
        }
        if inventory.vms.len() >= MOST_VMS {
            return Err(HostError::TooMany { what: "VMs", most: MOST_VMS });
        }
    }
    // Nothing that is left of another of this name counts.
    core.forget_wanted(&spec.name)?;
    state.create_vm(&spec)?;
    let created = What::VmCreated { vm: spec.name.clone() };
    core.commit(|inventory| inventory.add_vm(spec), [created]);
    Ok(())
}

/// Removes a VM, which is stopped.
pub(crate) fn remove_vm(core: &Core, name: &str) -> Result<(), HostError> {
    let state = core.change()?;
    if !matches!(core.inventory.lock().vm(name)?.power, Power::Stopped | Power::Unreadable) {
        return Err(HostError::NotStopped { name: name.to_owned(), what: "it cannot be removed" });
    }
    core.forget_wanted(name)?;
    state.remove_vm(name)?;
    core.commit(|inventory| drop(inventory.vms.remove(name)), [What::VmRemoved { vm: name.to_owned() }]);
    Ok(())
}

/// A change of a VM that was looked at and has not been made.
pub(crate) struct Edited {
    pub(crate) old: VmSpec,
    pub(crate) new: VmSpec,
    /// The VM, if it runs.
    pub(crate) running: Option<Visit>,
    /// The host before and after, if it does.
    books: Option<(Snapshot, Snapshot)>,
}

impl Edited {
    /// The VM called `name` with `change` made.
    ///
    /// # Errors
    /// What cannot be, or not while it runs.
    pub(crate) fn of(
        core: &Core,
        name: &str,
        change: &VmChange,
        expected: &Expected,
        free_disk: PageCount,
    ) -> Result<Self, HostError> {
        let inventory = core.inventory.lock();
        let entry = inventory.readable(name)?;
        let new = change.applied_to(&entry.spec);
        check_vm(&new)?;
        inventory.check_pool(new.pool.as_ref())?;
        let running = entry.running.as_ref().and_then(Running::visit);
        if running.is_some() {
            check_while_running(&entry.spec, &new)?;
        }
        // Last of all checks: what could not be anyway is not for want of reading again.
        HostError::unless_expected(expected, || format!("VM '{name}'"), Revision::of_vm(&entry.spec))?;
        let books = running.as_ref().map(|running| {
            let before = core.books(&inventory, free_disk);
            let after = edited(&before, &inventory, &new, running);
            (before, after)
        });
        Ok(Self { old: entry.spec.clone(), new, running, books })
    }

    /// Whether there is memory and disk space for it. Waits for the disk.
    ///
    /// # Errors
    /// A refusal with figures; [`HostError::SwapDir`].
    pub(crate) fn admit(&self, core: &Core) -> Result<(), HostError> {
        let what = || format!("VM '{}' cannot be changed", self.old.name);
        if let Some((before, after)) = &self.books {
            admit(before, after).map_err(|error| refused(what(), error))?;
        }
        if let Some(running) = &self.running
            && self.new.reservation_bytes < self.old.reservation_bytes
        {
            check_answers(core, &running.swap_dir, what)?;
            let enough = running.memory.check_swap(swap_for(running, &self.new)?);
            enough.map_err(|source| HostError::Swap { what: what(), source })?;
        }
        Ok(())
    }
}

/// Changes a VM.
pub(crate) fn change_vm(
    core: &Core,
    name: &str,
    change: &VmChange,
    expected: &Expected,
) -> Result<(), HostError> {
    let state = core.change()?;
    let edited = Edited::of(core, name, change, expected, core.free_disk())?;
    edited.admit(core)?;
    let Edited { old, new, running, .. } = edited;
    if let Some(running) = &running {
        change_memory(running, &new)?;
    }
    if let Err(error) = state.write_vm(&new) {
        if let Some(running) = &running {
            // As far as that can be: what it had may have been promised to another.
            let _ = change_memory(running, &old);
        }
        return Err(error);
    }
    if let Some(vm) = running.as_ref().and_then(|running| running.vm.get())
        && new.mmu != old.mmu
    {
        vm.set_mmu(mmu_choice(new.mmu));
    }
    if let Some(vm) = running.as_ref().and_then(|running| running.vm.get()) {
        vm.keep_at_reset(new.on_reboot == Afterwards::Keep);
    }
    let changed = What::VmChanged { vm: name.to_owned(), changes: differences(&old, &new) };
    if new.autostart == Autostart::No {
        core.start_no_more(name);
    }
    core.commit(|inventory| inventory.vm_mut(name).map(|entry| entry.spec = new), [changed])?;
    core.wakeup.change();
    Ok(())
}

/// What a VM is built from cannot change under it.
fn check_while_running(old: &VmSpec, new: &VmSpec) -> Result<(), HostError> {
    let changed = |what| Err(HostError::NotStopped { name: old.name.clone(), what });
    match () {
        () if old.memory_bytes != new.memory_bytes => changed("its memory cannot change while it runs"),
        () if old.cpus != new.cpus => changed("its CPUs cannot change while it runs"),
        () if (&old.kernel, &old.initrd, &old.append) != (&new.kernel, &new.initrd, &new.append) => {
            changed("what it boots cannot change while it runs")
        }
        () if old.swap_dir != new.swap_dir => changed("its swap file cannot move while it runs"),
        () => Ok(()),
    }
}

/// The host with a running VM as `new` has it.
fn edited(before: &Snapshot, inventory: &Inventory, new: &VmSpec, running: &Running) -> Snapshot {
    let vm = inventory.snapshot_vm(new, running);
    let mut after = before.clone();
    let old = after.vms.iter_mut().find(|old| old.id == vm.id).expect("the VM runs");
    if running.swaps_elsewhere {
        // Its file is refused when it grows.
        after.host.swap_space.0 += old.controls.reservation.0.saturating_sub(vm.controls.reservation.0);
    }
    *old = vm;
    after
}

/// Swap space for what is not reserved of a running VM.
fn swap_for(running: &Running, spec: &VmSpec) -> Result<PageCount, HostError> {
    let size = running.memory.pmap().size();
    Ok(PageCount(size.0.saturating_sub(controls_of_vm(spec)?.reservation.0)))
}

/// Gives a running VM its new reservation. There is always swap space for what is not reserved.
fn change_memory(running: &Running, new: &VmSpec) -> Result<(), HostError> {
    let reservation = controls_of_vm(new)?.reservation;
    let memory = &running.memory;
    if reservation == memory.reservation() {
        return Ok(());
    }
    let what = || format!("VM '{}' cannot be changed", new.name);
    let swap = swap_for(running, new)?;
    let is_larger = swap > memory.stores().swap.total;
    if is_larger {
        memory.resize_swap(swap).map_err(|source| HostError::Swap { what: what(), source })?;
    }
    memory.set_reservation(reservation).map_err(|source| HostError::Memory { what: what(), source })?;
    if !is_larger {
        // Pages may lie at the file's end: then it keeps its size, which is merely generous.
        let _ = memory.resize_swap(swap);
    }
    Ok(())
}

/// Creates a resource pool.
pub(crate) fn create_pool(core: &Core, spec: PoolSpec) -> Result<(), HostError> {
    check_pool(&spec)?;
    let state = core.change()?;
    {
        let inventory = core.inventory.lock();
        inventory.check_pool(spec.parent.as_ref())?;
        if inventory.pools.contains_key(&spec.name) {
            return Err(HostError::Exists { what: "resource pool", name: spec.name });
        }
        if inventory.pools.len() >= MOST_POOLS {
            return Err(HostError::TooMany { what: "resource pools", most: MOST_POOLS });
        }
    }
    let what = format!("resource pool '{}' cannot be created", spec.name);
    let name = spec.name.clone();
    edit_pools(core, &state, what, |inventory| inventory.add_pool(spec), What::PoolCreated { pool: name })
}

/// Changes a resource pool.
pub(crate) fn change_pool(
    core: &Core,
    name: &str,
    change: &PoolChange,
    expected: &Expected,
) -> Result<(), HostError> {
    let state = core.change()?;
    let (old, new) = {
        let inventory = core.inventory.lock();
        let old = inventory.pool(name)?.spec.clone();
        let new = change.applied_to(&old);
        check_pool(&new)?;
        inventory.check_pool(new.parent.as_ref())?;
        HostError::unless_expected(expected, || format!("resource pool '{name}'"), Revision::of_pool(&old))?;
        (old, new)
    };
    let changed = What::PoolChanged { pool: name.to_owned(), changes: differences(&old, &new) };
    let edit = |inventory: &mut Inventory| {
        if let Some(pool) = inventory.pools.get_mut(name) {
            pool.spec = new;
        }
    };
    edit_pools(core, &state, format!("resource pool '{name}' cannot be changed"), edit, changed)
}

/// Removes a resource pool that nothing lies in.
pub(crate) fn remove_pool(core: &Core, name: &str) -> Result<(), HostError> {
    let state = core.change()?;
    {
        let inventory = core.inventory.lock();
        inventory.pool(name)?;
        let here = |parent: &Option<String>| parent.as_deref() == Some(name);
        let vm = inventory.vms.values().map(|vm| &vm.spec).find(|vm| here(&vm.pool)).map(|vm| &vm.name);
        let pool = inventory.pools.values().map(|pool| &pool.spec).find(|pool| here(&pool.parent));
        if let Some(within) = vm.or(pool.map(|pool| &pool.name)) {
            return Err(HostError::PoolInUse { name: name.to_owned(), within: within.clone() });
        }
    }
    let what = format!("resource pool '{name}' cannot be removed");
    let edit = |inventory: &mut Inventory| drop(inventory.pools.remove(name));
    edit_pools(core, &state, what, edit, What::PoolRemoved { pool: name.to_owned() })
}

/// Edits the pools if that is admitted, writes them down, and tells what was `done`.
fn edit_pools(
    core: &Core,
    state: &crate::state_dir::StateDir,
    what: String,
    edit: impl FnOnce(&mut Inventory),
    done: What,
) -> Result<(), HostError> {
    let free_disk = core.free_disk();
    let (pools, before) = {
        let mut inventory = core.inventory.lock();
        let before = core.books(&inventory, free_disk);
        let undo = inventory.pools.clone();
        edit(&mut inventory);
        if let Err(error) = admit(&before, &core.books(&inventory, free_disk)) {
            inventory.pools = undo;
            return Err(refused(what, error));
        }
        let pools: Vec<PoolSpec> = inventory.pools.values().map(|pool| pool.spec.clone()).collect();
        (pools, undo)
    };
    if let Err(error) = state.write_pools(pools.iter()) {
        core.inventory.lock().pools = before;
        return Err(error);
    }
    core.journal.add(done);
    core.wakeup.change();
    Ok(())
}

/// Changes advanced settings, all or none; `None` is a setting's default.
pub(crate) fn set_settings(
    core: &Core,
    values: &BTreeMap<String, Option<u64>>,
    expected: &Expected,
) -> Result<(), HostError> {
    let state = core.change()?;
    let free_disk = core.free_disk();
    let (before, after) = {
        let inventory = core.inventory.lock();
        let before = core.books(&inventory, free_disk);
        let mut after = before.clone();
        let mut set: Vec<&str> = Vec::new();
        for (name, value) in values {
            let setting = Setting::find(name)?;
            if set.contains(&setting.name) {
                return Err(SettingError::Twice(setting.name).into());
            }
            set.push(setting.name);
            let value = value.unwrap_or_else(|| setting.default_value().into());
            setting.set(&mut after.host.settings, value)?;
        }
        HostError::unless_expected(
            expected,
            || "a setting".to_owned(),
            Revision::of_values(&inventory.settings),
        )?;
        (before, after)
    };
    let names = || values.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    admit(&before, &after).map_err(|error| refused(format!("{} cannot have this value", names()), error))?;
    state.write_settings(&after.host.settings)?;
    let (old, new) = (before.host.settings, after.host.settings);
    let differs = TABLE.iter().filter(|setting| setting.get(&old) != setting.get(&new));
    let changed = differs.map(|setting| What::SettingChanged {
        name: setting.name,
        old: setting.get(&old),
        new: setting.get(&new),
    });
    let changed: Vec<What> = changed.collect();
    core.commit(|inventory| inventory.settings = new, changed);
    core.wakeup.change();
    Ok(())
}

/// The fields in which two specs differ, in the order of the alphabet.
pub(crate) fn differences<T: Serialize>(old: &T, new: &T) -> Vec<Changed> {
    let table = |spec: &T| toml::Table::try_from(spec).unwrap_or_default();
    let (old, new) = (table(old), table(new));
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |field: &&String| old.get(*field) != new.get(*field);
    let text = |table: &toml::Table, field: &String| {
        let text =
            table.get(field).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        text.map(shortened)
    };
    let changed =
        |field: &String| Changed { field: field.clone(), old: text(&old, field), new: text(&new, field) };
    fields.into_iter().filter(differs).map(changed).collect()
}

/// A value as an event has it: its beginning, if it is long.
fn shortened(value: String) -> String {
    const MOST: usize = 256;
    match value.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}... ({} bytes)", &value[..end], value.len()),
        None => value,
    }
}

/// The VM called `name`, as snapshots number it.
pub(crate) fn running_id(inventory: &Inventory, name: &str) -> Result<VmId, HostError> {
    let running: &Arc<Running> =
        inventory.vm(name)?.running.as_ref().ok_or_else(|| HostError::NotRunning(name.to_owned()))?;
    Ok(running.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::ByteSize;

    #[test]
    fn differences_name_fields_and_both_values() {
        let old = VmSpec::new("a", ByteSize::mib(64), "/Image");
        let new = VmSpec {
            limit_bytes: Some(ByteSize::mib(32)),
            shares: sched::Shares::High,
            append: "quiet".into(),
            ..old.clone()
        };
        let all = differences(&old, &new);
        let fields: Vec<&str> = all.iter().map(|changed| changed.field.as_str()).collect();
        assert_eq!(fields, ["append", "limit_bytes", "shares"]);
        assert_eq!((all[1].old.as_deref(), all[1].new.as_deref()), (None, Some("33554432")));
        assert_eq!((all[2].old.as_deref(), all[2].new.as_deref()), (Some("normal"), Some("high")));
        assert!(differences(&old, &old).is_empty());
        let long = VmSpec { append: "\u{e4}".repeat(1000), ..old.clone() };
        let value = differences(&old, &long).remove(0).new.unwrap();
        assert!(value.ends_with("\u{e4}... (2000 bytes)") && value.len() < 600, "{value}");
    }
}

//! What is known of the host, from its stream.

use client::Message;
use model::{HostStatus, Pool, UntypedEvent};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Seconds of a VM's history that are kept.
pub(super) const HISTORY: usize = 120;

/// What the host told so far.
#[derive(Clone, Default, Debug)]
pub(super) struct Known {
    /// Its memory, as measured last.
    pub(super) status: Option<HostStatus>,
    /// What resource pools are asked to be.
    pub(super) pools: Vec<Pool>,
    /// The names of all VMs.
    pub(super) vms: BTreeSet<String>,
    /// Since when VMs are slowed, as far as that was told.
    pub(super) slowed: BTreeMap<String, u64>,
    /// VMs whose swap files failed when memory came to a standstill.
    pub(super) failing: Vec<String>,
    /// The last event that is more than the memory loop's usual doing.
    pub(super) event: Option<UntypedEvent>,
    histories: BTreeMap<String, History>,
}

/// One run of a VM in the last minutes, a figure for each second.
#[derive(Clone, Default, Debug)]
pub(super) struct History {
    id: u64,
    pub(super) consumed: VecDeque<u64>,
    pub(super) active: VecDeque<u64>,
}

impl Known {
    /// Takes in a message; says whether resource pools are different now, in a way it does not tell.
    pub(super) fn learn(&mut self, message: Message) -> bool {
        match message {
            Message::Snapshot(snapshot) => {
                let vms = snapshot.vms.into_iter().map(|vm| vm.info.spec.name).collect();
                *self = Self { pools: snapshot.pools, vms, ..Self::default() };
                self.measured(snapshot.status);
                false
            }
            Message::Status(status) => {
                self.measured(*status);
                false
            }
            Message::Event(event) => self.happened(event),
        }
    }

    pub(super) fn history(&self, vm: &str) -> Option<&History> {
        self.histories.get(vm)
    }

    fn measured(&mut self, status: HostStatus) {
        self.histories.retain(|name, _| status.vms.iter().any(|vm| vm.name == *name));
        for vm in &status.vms {
            let history = self.histories.entry(vm.name.clone()).or_default();
            if history.id != vm.id {
                *history = History { id: vm.id, ..History::default() };
            }
            let active = vm.active_part.map_or(addr::ByteSize(0), |_| vm.metrics.active_bytes);
            let figures = [(&mut history.consumed, vm.metrics.consumed_bytes), (&mut history.active, active)];
            for (kept, figure) in figures {
                kept.push_back(figure.0);
                if kept.len() > HISTORY {
                    kept.pop_front();
                }
            }
        }
        self.slowed.retain(|name, _| status.vms.iter().any(|vm| vm.name == *name && vm.slowed));
        if status.memory_loop.standstill_seconds == 0 {
            self.failing.clear();
        }
        self.status = Some(status);
    }

    fn happened(&mut self, event: UntypedEvent) -> bool {
        let text = |field: &str| event.fields.get(field).and_then(|value| value.as_str()).unwrap_or_default();
        match event.event.as_str() {
            "planned" | "reclaimed" => return false,
            "vm-created" => drop(self.vms.insert(text("vm").to_owned())),
            "vm-removed" => drop(self.vms.remove(text("vm"))),
            "vm-slowed" => drop(self.slowed.insert(text("vm").to_owned(), event.at_milliseconds)),
            "memory-stands-still" => {
                let failing = event.fields.get("failing").and_then(|value| value.as_array());
                let names = failing.into_iter().flatten().filter_map(|name| name.as_str());
                self.failing = names.map(str::to_owned).collect();
            }
            _ => {}
        }
        let pools = event.event.starts_with("pool-");
        self.event = Some(event);
        pools
    }
}

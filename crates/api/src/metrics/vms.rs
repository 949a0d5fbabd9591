//! What there is to say of each running VM.
//!
//! Rates are left to who asks: what happens is counted, so that nothing between two scrapes is missed.

use super::text::{Figure, Text};
use crate::inspect::statistics::{COUNTERS, Unit};
use crate::inspect::technique_name;
use addr::ByteSize;
use host::Host;
use mmu::Technique;
use model::{Metrics, Totals, VmStatus};
use std::collections::BTreeMap;
use std::sync::Arc;
use vm::{HartStatistics, Statistics};

const PAGES: [Figure<Metrics, ByteSize>; 19] = [
    ("granted_bytes", "Pages the guest can use without waiting.", |m| m.granted_bytes),
    ("consumed_bytes", "Machine memory they take.", |m| m.consumed_bytes),
    ("active_bytes", "Pages in use lately.", |m| m.active_bytes),
    ("active_write_bytes", "Pages written lately.", |m| m.active_write_bytes),
    ("private_bytes", "Pages in frames of their own.", |m| m.private_bytes),
    ("shared_bytes", "Pages shared, zero pages among them.", |m| m.shared_bytes),
    ("shared_common_bytes", "Machine memory that shared pages take.", |m| m.shared_common_bytes),
    ("zero_bytes", "Zero pages.", |m| m.zero_bytes),
    ("ballooned_bytes", "Pages in the balloon.", |m| m.ballooned_bytes),
    ("balloon_target_bytes", "What the balloon is asked to hold.", |m| m.balloon_target_bytes),
    ("compressed_bytes", "Pages compressed.", |m| m.compressed_bytes),
    ("zip_used_bytes", "Machine memory that compressed pages take.", |m| m.zip_used_bytes),
    ("zip_saved_bytes", "Machine memory that compressing them saves.", |m| m.zip_saved_bytes),
    ("swapped_bytes", "Pages swapped.", |m| m.swapped_bytes),
    ("swap_target_bytes", "Swapped, and still to be taken by compressing and swapping.", |m| {
        m.swap_target_bytes
    }),
    ("untouched_bytes", "Pages never used, or given back.", |m| m.untouched_bytes),
    ("entitlement_bytes", "What it should hold at most when memory is short.", |m| m.entitlement_bytes),
    ("overhead_bytes", "What it costs beyond its guest's memory.", |m| m.overhead_bytes),
    ("overhead_reserved_bytes", "What is set aside for that.", |m| m.overhead_reserved_bytes),
];

const fn bytes(of: Option<ByteSize>) -> Option<f64> {
    match of {
        Some(size) => Some(size.0 as f64),
        None => None,
    }
}

/// One that is not known, or none, has no sample.
const NOW: [Figure<VmStatus, Option<f64>>; 20] = [
    ("size_bytes", "Guest physical memory.", |vm| bytes(Some(vm.size_bytes))),
    ("reservation_bytes", "What is guaranteed to it.", |vm| bytes(Some(vm.reservation_bytes))),
    ("limit_bytes", "What it never exceeds.", |vm| bytes(vm.limit_bytes)),
    ("shares", "Its number of shares.", |vm| Some(vm.shares as f64)),
    ("worst_case_bytes", "What it would have if all VMs wanted all they may.", |vm| {
        bytes(vm.worst_case_bytes)
    }),
    ("balloon_max_bytes", "How large its balloon may get.", |vm| bytes(Some(vm.balloon_max_bytes))),
    ("active_ratio", "Part of its pages in use lately.", |vm| vm.active_part),
    ("active_error_ratio", "The standard error of that.", |vm| vm.active_error),
    ("guest_free_bytes", "What its guest says to be free.", |vm| bytes(vm.guest_free_bytes)),
    ("guest_available_bytes", "What its guest could use without swapping.", |vm| {
        bytes(vm.guest_available_bytes)
    }),
    ("guest_state", "How its guest is: 0 well or unknown, 1 silent, 2 panicked.", |vm| Some(vm.guest.into())),
    ("guest_oom_kills", "Programs its guest killed for want of memory, as it says itself.", |vm| {
        vm.guest_oom_kills.map(|kills| kills as f64)
    }),
    ("guest_oom_kills_lately", "How many of them in the last ten minutes.", |vm| {
        Some(vm.guest_oom_kills_lately as f64)
    }),
    ("slowed", "1 while it spends much of its time waiting for memory.", |vm| {
        Some(u8::from(vm.slowed).into())
    }),
    ("uptime_seconds", "How long it has been running.", |vm| Some(vm.uptime_seconds)),
    ("paused", "1 while it is paused.", |vm| Some(u8::from(vm.paused).into())),
    ("running_ratio", "Part of its vCPUs' time spent running, in the second before.", |vm| Some(vm.running)),
    ("idle_ratio", "Part of its vCPUs' time with nothing to do, in the second before.", |vm| Some(vm.idle)),
    ("latency_ratio", "Part of its vCPUs' time spent waiting for pages, in the second before.", |vm| {
        Some(vm.latency)
    }),
    ("waiting_ratio", "Part of it spent waiting for a frame, in the second before.", |vm| Some(vm.waiting)),
];

/// Since it was started.
const TOTALS: [Figure<Totals, f64>; 20] = [
    ("running_seconds_total", "Its vCPUs' running time.", |t| t.running_seconds),
    ("worker_seconds_total", "Processor time of its devices' threads.", |t| t.worker_seconds),
    ("idle_seconds_total", "Time in which its vCPUs had nothing to do.", |t| t.idle_seconds),
    ("latency_seconds_total", "Time spent waiting for decompression and swap-in.", |t| t.latency_seconds),
    ("waiting_seconds_total", "Time spent waiting for a frame.", |t| t.waiting_seconds),
    ("waits_total", "How often a frame was waited for.", |t| t.waits as f64),
    ("swap_in_bytes_total", "Read from the swap file.", |t| t.swap_in_bytes.0 as f64),
    ("read_ahead_bytes_total", "Of that, read ahead of use.", |t| t.read_ahead_bytes.0 as f64),
    ("swap_out_bytes_total", "Written to the swap file.", |t| t.swap_out_bytes.0 as f64),
    ("compress_bytes_total", "Compressed.", |t| t.compress_bytes.0 as f64),
    ("decompress_bytes_total", "Decompressed.", |t| t.decompress_bytes.0 as f64),
    ("scanned_bytes_total", "Looked through for equal pages.", |t| t.scanned_bytes.0 as f64),
    ("joined_bytes_total", "Pages that joined others in a shared frame.", |t| t.joined_bytes.0 as f64),
    ("zeroed_bytes_total", "Pages that became zero pages.", |t| t.zeroed_bytes.0 as f64),
    ("broken_bytes_total", "Shared and zero pages that were written.", |t| t.broken_bytes.0 as f64),
    ("first_written_bytes_total", "Untouched pages that were written.", |t| t.first_written_bytes.0 as f64),
    ("popped_bytes_total", "Ballooned pages that the guest used all the same.", |t| t.popped_bytes.0 as f64),
    ("watches_noticed_total", "Uses of watched pages.", |t| t.watches_noticed as f64),
    ("shoot_downs_total", "Batches of translations taken away.", |t| t.shoot_downs as f64),
    ("shoot_down_seconds_total", "Time that took.", |t| t.shoot_down_seconds),
];

/// Of all its vCPUs.
const VCPUS: [Figure<HartStatistics, u64>; 4] = [
    ("vcpus", "Its vCPUs.", |_| 1),
    ("shadow_tables", "Shadow tables its vCPUs have.", |hart| hart.shadow_tables as u64),
    ("shadow_bytes", "Memory that those take.", |hart| hart.shadow_bytes),
    ("code_bytes", "Memory that decoded code takes.", |hart| hart.code_bytes),
];

const DEVICES: [Figure<devices::DeviceStats, f64>; 5] = [
    ("device_register_accesses_total", "Accesses to a device's registers.", |device| device.accesses as f64),
    ("device_kicks_total", "Times the guest told a device that there is work.", |device| device.kicks as f64),
    ("device_interrupts_total", "Interrupts a device raised.", |device| device.interrupts as f64),
    ("device_bad_requests_total", "Requests to a device that make no sense.", |device| {
        device.bad_requests as f64
    }),
    ("device_worker_seconds_total", "Processor time of a device's own thread.", |device| {
        device.worker_time.as_secs_f64()
    }),
];

impl Text {
    pub(super) fn of_vms(&mut self, host: &Host, vms: &[VmStatus]) {
        self.gauge("memtide_vms_running", "VMs that run.", vms.len());
        for figure in &PAGES {
            self.of_each(vms, "gauge", figure, |vm, of| Some(of(&vm.metrics).0));
        }
        for figure in &NOW {
            self.of_each(vms, "gauge", figure, |vm, of| of(vm));
        }
        for figure in &TOTALS {
            self.of_each(vms, "counter", figure, |vm, of| Some(of(&vm.totals)));
        }
        let counted = host.counted();
        self.of_information(vms, &counted);
        self.of_counters(&counted);
        for (figure, help, of) in VCPUS {
            let name = format!("memtide_vm_{figure}");
            self.head(&name, "gauge", help);
            for (vm, of_vm) in &counted {
                self.sample(&name, &[("vm", vm)], of_vm.harts.iter().map(of).sum::<u64>());
            }
        }
        for (figure, help, of) in DEVICES {
            let name = format!("memtide_vm_{figure}");
            self.head(&name, "counter", help);
            for (vm, of_vm) in &counted {
                for (device, stats) in &of_vm.devices {
                    self.sample(&name, &[("vm", vm), ("device", device)], of(stats));
                }
            }
        }
    }

    fn of_each<F, V: std::fmt::Display>(
        &mut self,
        vms: &[VmStatus],
        kind: &str,
        (figure, help, of): &(&'static str, &'static str, F),
        value: impl Fn(&VmStatus, &F) -> Option<V>,
    ) {
        let name = format!("memtide_vm_{figure}");
        self.head(&name, kind, help);
        for (vm, value) in vms.iter().filter_map(|vm| Some((vm, value(vm, of)?))) {
            self.sample(&name, &[("vm", &vm.name)], value);
        }
    }

    /// What other figures are joined with, to be told apart by it.
    fn of_information(&mut self, vms: &[VmStatus], counted: &BTreeMap<String, Arc<Statistics>>) {
        let name = "memtide_vm_info";
        self.head(name, "gauge", "1, with a VM's resource pool and the technique its MMU uses now.");
        for vm in vms {
            let technique = counted.get(&vm.name).map_or("", |of| technique_name(of.choice.technique));
            let pool = vm.pool.as_deref().unwrap_or_default();
            self.sample(name, &[("vm", &vm.name), ("pool", pool), ("technique", technique)], 1);
        }
    }

    /// What processors and translation counted, under each technique that a VM's MMU has used.
    fn of_counters(&mut self, counted: &BTreeMap<String, Arc<Statistics>>) {
        for (subject, counters) in COUNTERS {
            for counter in counters {
                let (figure, unit) = match counter.unit {
                    Unit::Count => (counter.key.to_owned(), 1.0),
                    Unit::Nanoseconds => (counter.key.replace("nanoseconds", "seconds"), 1e-9),
                };
                let name = format!("memtide_vm_{figure}_total");
                self.head(&name, "counter", &format!("{subject}: {}.", counter.words));
                for (vm, of_vm) in counted {
                    for (technique, of) in
                        [(Technique::Software, &of_vm.software), (Technique::Hardware, &of_vm.hardware)]
                    {
                        if of.running_nanoseconds > 0 {
                            let labels = [("vm", vm.as_str()), ("technique", technique_name(technique))];
                            self.sample(&name, &labels, counter.of(of) as f64 * unit);
                        }
                    }
                }
            }
        }
    }
}

//! What a table of VMs can show.

use addr::ByteSize;
use model::VmStatus;
use std::cmp::Ordering;

/// A column.
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// What it is.
    pub(super) meaning: &'static str,
    /// Whether it is there unless chosen otherwise.
    pub(super) usual: bool,
    /// What it says of a VM.
    pub(super) of: fn(&VmStatus) -> Value,
}

/// What a column says.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Text(String),
    Size(ByteSize),
    /// What is, and what it is to be.
    Toward(ByteSize, ByteSize),
    Part(f64),
    Count(u64),
    Unknown,
}

impl Value {
    /// As it stands in the table; sizes are in MiB.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Size(size) => crate::view::mib(*size),
            Self::Toward(is, target) => format!("{:.0}/{:.0}", in_mib(*is), in_mib(*target)),
            Self::Part(part) => format!("{:.1}", part * 100.0),
            Self::Count(count) => count.to_string(),
            Self::Unknown => "-".to_owned(),
        }
    }

    /// Where it stands among values of the same column; what is unknown is least.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.number().total_cmp(&other.number()),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Text(_) | Self::Unknown => f64::NEG_INFINITY,
            Self::Size(size) | Self::Toward(size, _) => size.0 as f64,
            Self::Part(part) => *part,
            Self::Count(count) => *count as f64,
        }
    }
}

fn in_mib(size: ByteSize) -> f64 {
    size.0 as f64 / (1 << 20) as f64
}

fn known(size: Option<ByteSize>) -> Value {
    size.map_or(Value::Unknown, Value::Size)
}

/// Those that tell most come first, as a narrow terminal shows only these.
pub(super) const COLUMNS: [Column; 26] = [
    Column { title: "VM", meaning: "its name", usual: true, of: |vm| Value::Text(vm.name.clone()) },
    Column {
        title: "SIZE",
        meaning: "what the guest believes to have",
        usual: true,
        of: |vm| Value::Size(vm.size_bytes),
    },
    Column {
        title: "CONSUMED",
        meaning: "machine memory its pages take, overhead not included",
        usual: true,
        of: |vm| Value::Size(vm.metrics.consumed_bytes),
    },
    Column {
        title: "ACTIVE",
        meaning: "what the guest used lately, by sampling",
        usual: true,
        of: |vm| vm.active_part.map_or(Value::Unknown, |_| Value::Size(vm.metrics.active_bytes)),
    },
    Column {
        title: "ENTITLED",
        meaning: "what it should hold at most while memory is short",
        usual: true,
        of: |vm| Value::Size(vm.metrics.entitlement_bytes),
    },
    Column {
        title: "BALLOON",
        meaning: "what its balloon holds / is asked to hold",
        usual: true,
        of: |vm| Value::Toward(vm.metrics.ballooned_bytes, vm.metrics.balloon_target_bytes),
    },
    Column {
        title: "SWAPPED",
        meaning: "swapped / to be at most",
        usual: true,
        of: |vm| Value::Toward(vm.metrics.swapped_bytes, vm.metrics.swap_target_bytes),
    },
    Column {
        title: "ZIPPED",
        meaning: "pages compressed",
        usual: true,
        of: |vm| Value::Size(vm.metrics.compressed_bytes),
    },
    Column {
        title: "SHARED",
        meaning: "pages shared with equal ones, zero pages among them",
        usual: true,
        of: |vm| Value::Size(vm.metrics.shared_bytes),
    },
    Column {
        title: "LAT%",
        meaning: "part of its vCPUs' time waiting for its own pages",
        usual: true,
        of: |vm| Value::Part(vm.latency),
    },
    Column {
        title: "WAIT%",
        meaning: "part of its vCPUs' time waiting for a free frame",
        usual: true,
        of: |vm| Value::Part(vm.waiting),
    },
    Column {
        title: "IN/s",
        meaning: "brought back in a second, from zip store and swap file",
        usual: true,
        of: |vm| {
            let of = &vm.metrics;
            Value::Size(ByteSize(of.swap_in_bytes_per_second.0 + of.decompressed_bytes_per_second.0))
        },
    },
    Column {
        title: "OUT/s",
        meaning: "taken in a second, by compression and swap",
        usual: true,
        of: |vm| {
            let of = &vm.metrics;
            Value::Size(ByteSize(of.swap_out_bytes_per_second.0 + of.compressed_bytes_per_second.0))
        },
    },
    Column {
        title: "GRANTED",
        meaning: "pages the guest can use without waiting",
        usual: true,
        of: |vm| Value::Size(vm.metrics.granted_bytes),
    },
    Column {
        title: "POOL",
        meaning: "the resource pool it lies in",
        usual: false,
        of: |vm| vm.pool.clone().map_or(Value::Unknown, Value::Text),
    },
    Column {
        title: "RESERVED",
        meaning: "machine memory guaranteed to it",
        usual: false,
        of: |vm| Value::Size(vm.reservation_bytes),
    },
    Column {
        title: "LIMIT",
        meaning: "machine memory it never exceeds",
        usual: false,
        of: |vm| known(vm.limit_bytes),
    },
    Column {
        title: "SHARES",
        meaning: "its claim on scarce memory, relative to siblings",
        usual: false,
        of: |vm| Value::Count(vm.shares),
    },
    Column {
        title: "WORST",
        meaning: "what it would have if all used their whole size",
        usual: false,
        of: |vm| known(vm.worst_case_bytes),
    },
    Column {
        title: "PRIVATE",
        meaning: "pages in frames of their own",
        usual: false,
        of: |vm| Value::Size(vm.metrics.private_bytes),
    },
    Column {
        title: "ZERO",
        meaning: "pages that are zeros",
        usual: false,
        of: |vm| Value::Size(vm.metrics.zero_bytes),
    },
    Column {
        title: "UNTOUCHED",
        meaning: "pages never used, or given back",
        usual: false,
        of: |vm| Value::Size(vm.metrics.untouched_bytes),
    },
    Column {
        title: "OVERHEAD",
        meaning: "what it costs beyond its guest's memory",
        usual: false,
        of: |vm| Value::Size(vm.metrics.overhead_bytes),
    },
    Column {
        title: "GUESTFREE",
        meaning: "what the guest says is free in it",
        usual: false,
        of: |vm| known(vm.guest_free_bytes),
    },
    Column {
        title: "SCAN/s",
        meaning: "looked through for equal pages in a second",
        usual: false,
        of: |vm| Value::Size(vm.metrics.scanned_bytes_per_second),
    },
    Column {
        title: "UP",
        meaning: "how long it has been running, in seconds",
        usual: false,
        of: |vm| Value::Count(vm.uptime_seconds as u64),
    },
];

//! The host's memory at a moment, in vSphere's words.
//!
//! **Model.** Measured once a second by the memory loop and kept, so that asking costs nothing and
//! disturbs nobody. Everything is in bytes; a rate is that of the second before.

use crate::file_trouble::FileTrouble;
use addr::ByteSize;
use sched::balloon::Conduct;
use sched::{Allowance, Bound, GuestState, HostState, Thresholds};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// The host's memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostStatus {
    /// When it was measured, in milliseconds since 1970.
    pub at_milliseconds: u64,
    /// The state.
    pub state: HostState,
    /// Free memory at which states change.
    pub thresholds: ThresholdBytes,
    /// What all machine memory is used for.
    pub ledger: Ledger,
    /// The memory limit of the host's control group, if it is lower than what the host needs; `null` if it is not.
    pub memory_limit: Option<MemoryLimit>,
    /// What could still be guaranteed to VMs on the host itself.
    pub unreserved_bytes: ByteSize,
    /// What is guaranteed to running VMs and to resource pools, overhead included.
    pub reserved_bytes: ByteSize,
    /// What running VMs may come to hold (their sizes, or limits where these are smaller, and their overhead) beyond what there is
    /// for them, as a part of that: all machine memory but the host's own overhead. 0 if it is less.
    pub overcommitment: f64,
    /// Disk space of the swap files of running VMs.
    pub swap_total_bytes: ByteSize,
    /// What running VMs have together.
    pub sums: Metrics,
    /// How the memory loop does.
    pub memory_loop: LoopStatus,
    /// For how long the host has been in each state since it started.
    pub state_seconds: StateSeconds,
    /// Files of the host's that are not as they should be, 32 at most.
    #[serde(default)]
    pub file_troubles: Vec<FileTrouble>,
    /// Every running VM, by name.
    pub vms: Vec<VmStatus>,
    /// Every resource pool, by name.
    pub pools: Vec<PoolStatus>,
}

/// Free memory at which states change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ThresholdBytes {
    /// What targets aim to have free.
    pub high_bytes: ByteSize,
    /// Below it: clear.
    pub clear_bytes: ByteSize,
    /// Below it: soft. vSphere's reclamation threshold.
    pub soft_bytes: ByteSize,
    /// Below it: hard.
    pub hard_bytes: ByteSize,
    /// Below it: low.
    pub low_bytes: ByteSize,
}

impl From<Thresholds> for ThresholdBytes {
    fn from(of: Thresholds) -> Self {
        Self {
            high_bytes: of.high.bytes(),
            clear_bytes: of.clear.bytes(),
            soft_bytes: of.soft.bytes(),
            hard_bytes: of.hard.bytes(),
            low_bytes: of.low.bytes(),
        }
    }
}

/// What machine memory is used for. Free, private, shared, zip, in flight and overhead, less the deficit, add up to the total, to the
/// page (INV-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// All of it.
    pub total_bytes: ByteSize,
    /// What can be handed out.
    pub free_bytes: ByteSize,
    /// What holds one page of one VM.
    pub private_bytes: ByteSize,
    /// What holds pages shared by several. vSphere's *shared common*.
    pub shared_bytes: ByteSize,
    /// What holds compressed pages.
    pub zip_bytes: ByteSize,
    /// What was taken for a page or for compressed ones, and is not in its place yet: it is waited for a disk, or the page is just
    /// being filled.
    pub in_flight_bytes: ByteSize,
    /// What is set aside because as much is in use beside the pool, or is about to be, by VMs and by the host itself.
    pub overhead_bytes: ByteSize,
    /// Of the overhead, the host's own.
    pub host_overhead_bytes: ByteSize,
    /// What of the overhead is not free yet and has to be reclaimed first: by so much the host may be beyond its machine memory.
    pub deficit_bytes: ByteSize,
    /// What the host's process takes beside the pool by Linux's count: its anonymous memory, and the pages of files it has mapped, which
    /// are mostly the program; `null` if that is not known.
    pub beside_pool_bytes: Option<ByteSize>,
}

impl Ledger {
    /// What of the overhead is set aside: all but the deficit. Free, private, shared, zip and in flight with this add up to the total.
    pub fn set_aside(&self) -> ByteSize {
        ByteSize(self.overhead_bytes.0.saturating_sub(self.deficit_bytes.0))
    }

    /// Whether it adds up (INV-5).
    pub fn closes(&self) -> bool {
        let parts = [
            self.free_bytes,
            self.private_bytes,
            self.shared_bytes,
            self.zip_bytes,
            self.in_flight_bytes,
            self.set_aside(),
        ];
        parts.iter().map(|part| part.0).sum::<u64>() == self.total_bytes.0
    }
}

/// A control group's memory limit that is lower than what the host needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemoryLimit {
    /// The directory of the control group.
    pub control_group: String,
    /// Its limit.
    pub limit_bytes: ByteSize,
    /// What the host needs: machine memory, and what Linux itself keeps for the process.
    pub needed_bytes: ByteSize,
    /// The difference: counted as the host's own overhead, so that VMs give it up.
    pub lacks_bytes: ByteSize,
}

/// How the memory loop does.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LoopStatus {
    /// Plans made.
    pub plans: u64,
    /// How long the last one took.
    pub plan_microseconds: u64,
    /// How much later than intended the loop last woke up.
    pub lag_microseconds: u64,
    /// The most it ever was late.
    pub worst_lag_microseconds: u64,
    /// The longest time a slice of reclaiming took. The loop does not wait for it.
    pub longest_slice_microseconds: u64,
    /// For how long no memory has been free and none has come free; 0 if that is not so.
    pub standstill_seconds: u64,
    /// Times it was woken by free memory falling below a threshold, or by somebody waiting for memory.
    pub shortages: u64,
}

/// For how long the host has been in each state; adds up to how long it has been running.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct StateSeconds {
    /// Nothing is taken from anybody.
    pub high: f64,
    /// Pages are looked through for equal ones.
    pub clear: f64,
    /// Balloons are inflated.
    pub soft: f64,
    /// Pages are compressed and swapped, too.
    pub hard: f64,
    /// VMs above their targets wait, too.
    pub low: f64,
}

impl StateSeconds {
    /// Adds to the time in `state`.
    pub fn add(&mut self, state: HostState, time: Duration) {
        let of = match state {
            HostState::High => &mut self.high,
            HostState::Clear => &mut self.clear,
            HostState::Soft => &mut self.soft,
            HostState::Hard => &mut self.hard,
            HostState::Low => &mut self.low,
        };
        *of += time.as_secs_f64();
    }
}

/// A running VM.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct VmStatus {
    /// The name of the VM.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// The resource pool it lies in.
    pub pool: Option<String>,
    /// How long it has been running.
    pub uptime_seconds: f64,
    /// Whether it is paused.
    pub paused: bool,
    /// Guest physical memory.
    pub size_bytes: ByteSize,
    /// What is guaranteed to it.
    pub reservation_bytes: ByteSize,
    /// What it never exceeds.
    pub limit_bytes: Option<ByteSize>,
    /// Its number of shares.
    pub shares: u64,
    /// The figures that add up.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// What was counted since it was started.
    pub totals: Totals,
    /// What decided its entitlement; `null` before the first plan.
    pub bound: Option<Bound>,
    /// What it would have if all VMs used their whole size.
    pub worst_case_bytes: Option<ByteSize>,
    /// The part of its memory in use, and the error of that; `null` before the first sample has ended.
    pub active_part: Option<f64>,
    /// The standard error of `active_part`.
    pub active_error: Option<f64>,
    /// The slow average of it.
    pub active_slow: Option<f64>,
    /// The fast average of it.
    pub active_fast: Option<f64>,
    /// The fast average if the sample ended now.
    pub active_next: Option<f64>,
    /// How large its balloon may get.
    pub balloon_max_bytes: ByteSize,
    /// How its balloon's driver conducts itself.
    pub balloon_conduct: Conduct,
    /// Whether it may take another frame at once.
    pub allowance: Option<Allowance>,
    /// How its guest is: `unknown` where no agent answers.
    pub guest: GuestState,
    /// Programs that its guest killed since its kernel started because its memory ran out, as it says itself; null if it
    /// does not say.
    pub guest_oom_kills: Option<u64>,
    /// How many of them in the last ten minutes.
    pub guest_oom_kills_lately: u64,
    /// What the guest says is free in it; null if it has not said so in the last minute, or more than it has.
    pub guest_free_bytes: Option<ByteSize>,
    /// What the guest says its programs could get; the same.
    pub guest_available_bytes: Option<ByteSize>,
    /// The part of its vCPUs' time spent running in the second before, the host's work for them included. With `idle`, `latency`
    /// and `waiting` it adds up to 1; all are 0 before the VM has been measured.
    pub running: f64,
    /// The part of its vCPUs' time in which they had nothing to do.
    pub idle: f64,
    /// The part of its vCPUs' time spent waiting for decompression and swap-in, waits that go on included. A device that waits counts
    /// as long as a vCPU is idle meanwhile.
    pub latency: f64,
    /// The part of its vCPUs' time spent waiting for a frame, likewise.
    pub waiting: f64,
    /// Whether it spends so much of its time waiting for memory that it is slowed.
    pub slowed: bool,
    /// Why its swap file did not take what it was given, if that is so now.
    pub swap_failure: Option<String>,
}

/// Figures of a VM that add up to those of the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    /// Pages the guest can use without waiting.
    pub granted_bytes: ByteSize,
    /// Machine memory they take, shared frames by part, and the zip store; overhead not included.
    pub consumed_bytes: ByteSize,
    /// Pages in use lately.
    pub active_bytes: ByteSize,
    /// Pages written lately.
    pub active_write_bytes: ByteSize,
    /// Pages in frames of their own.
    pub private_bytes: ByteSize,
    /// Pages shared, zero pages among them.
    pub shared_bytes: ByteSize,
    /// Machine memory behind those that are not zeros. Exact for the host, and for a VM that shares pages with no
    /// other, as is the default; of what several VMs share, each one's part by number of pages: an estimate.
    pub shared_common_bytes: ByteSize,
    /// Zero pages.
    pub zero_bytes: ByteSize,
    /// Pages in the balloon.
    pub ballooned_bytes: ByteSize,
    /// What the balloon is asked to hold.
    pub balloon_target_bytes: ByteSize,
    /// Pages compressed.
    pub compressed_bytes: ByteSize,
    /// Machine memory that they take.
    pub zip_used_bytes: ByteSize,
    /// Machine memory that compressing them saves.
    pub zip_saved_bytes: ByteSize,
    /// Pages swapped.
    pub swapped_bytes: ByteSize,
    /// vSphere's *swap target*: what is swapped, and what is still to be taken by compressing and swapping. Above
    /// `swapped_bytes`: more will be swapped, unless it can be compressed; equal: no more will.
    pub swap_target_bytes: ByteSize,
    /// Pages never used, or given back.
    pub untouched_bytes: ByteSize,
    /// What it should hold at most when memory is short.
    pub entitlement_bytes: ByteSize,
    /// What is set aside for what it costs beyond its guest's memory: as measured, and a step for what it takes next.
    pub overhead_bytes: ByteSize,
    /// The most that may become, which is reserved for it.
    pub overhead_reserved_bytes: ByteSize,
    /// Read from the swap file in a second.
    pub swap_in_bytes_per_second: ByteSize,
    /// Written to the swap file in a second.
    pub swap_out_bytes_per_second: ByteSize,
    /// Decompressed in a second.
    pub decompressed_bytes_per_second: ByteSize,
    /// Compressed in a second.
    pub compressed_bytes_per_second: ByteSize,
    /// Looked through for equal pages in a second.
    pub scanned_bytes_per_second: ByteSize,
}

impl Metrics {
    /// Adds another VM's.
    pub fn add(&mut self, other: &Self) {
        macro_rules! add {
            ($($field:ident)+) => { $(self.$field.0 += other.$field.0;)+ };
        }
        add!(granted_bytes consumed_bytes active_bytes active_write_bytes private_bytes shared_bytes
            shared_common_bytes zero_bytes ballooned_bytes balloon_target_bytes compressed_bytes zip_used_bytes
            zip_saved_bytes swapped_bytes swap_target_bytes untouched_bytes entitlement_bytes overhead_bytes
            overhead_reserved_bytes swap_in_bytes_per_second swap_out_bytes_per_second
            decompressed_bytes_per_second compressed_bytes_per_second scanned_bytes_per_second);
    }
}

const _: () = assert!(size_of::<Metrics>() == 24 * 8, "add() names every figure");

/// What was counted of a VM since it was started: each number only grows, and begins anew with its next start.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Its vCPUs' running time, all together. With the idle, latency and waiting time it is all the time they had.
    pub running_seconds: f64,
    /// Processor time that its devices' threads used. It is none of its vCPUs'; each thread has a twentieth of a processor for each
    /// vCPU at most.
    pub worker_seconds: f64,
    /// Time in which its vCPUs had nothing to do.
    pub idle_seconds: f64,
    /// Time spent waiting for decompression and swap-in.
    pub latency_seconds: f64,
    /// Time spent waiting for a frame.
    pub waiting_seconds: f64,
    /// How often a frame was waited for.
    pub waits: u64,
    /// Read from the swap file, for use or ahead of it.
    pub swap_in_bytes: ByteSize,
    /// Of that, read because it follows on something that was wanted.
    pub read_ahead_bytes: ByteSize,
    /// Written to the swap file.
    pub swap_out_bytes: ByteSize,
    /// Compressed.
    pub compress_bytes: ByteSize,
    /// Decompressed.
    pub decompress_bytes: ByteSize,
    /// Looked through for equal pages.
    pub scanned_bytes: ByteSize,
    /// Pages that joined others in a shared frame.
    pub joined_bytes: ByteSize,
    /// Pages that became zero pages because that is what they held.
    pub zeroed_bytes: ByteSize,
    /// Shared and zero pages that were written, and got frames of their own.
    pub broken_bytes: ByteSize,
    /// Untouched pages that were written for the first time, or again after the guest gave them back.
    pub first_written_bytes: ByteSize,
    /// Ballooned pages that the guest used without asking for them back.
    pub popped_bytes: ByteSize,
    /// Uses of pages that were watched to see whether they are in use.
    pub watches_noticed: u64,
    /// Batches of pages whose translations were taken away from its processors.
    pub shoot_downs: u64,
    /// Time that took.
    pub shoot_down_seconds: f64,
}

/// A resource pool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolStatus {
    /// The name of the resource pool.
    pub name: String,
    /// The pool it lies in.
    pub parent: Option<String>,
    /// What its VMs should hold together; `null` before the first plan.
    pub entitlement_bytes: Option<ByteSize>,
    /// What is guaranteed to those within.
    pub reservation_used_bytes: ByteSize,
    /// What still could be.
    pub unreserved_bytes: ByteSize,
}

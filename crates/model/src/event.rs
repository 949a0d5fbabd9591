//! What happened on the host, and what was decided and why.

mod decision;

pub use decision::{Decision, Trigger, VmDecision};

use crate::alarm::{Alarm, ClearedAlarm};
use crate::ended::{HowEnded, RestartedFor};
use crate::file_trouble::FileState;
use crate::problem_code::ProblemCode;
use crate::status::MemoryLimit;
use addr::ByteSize;
use sched::balloon::Conduct;
use serde::Serialize;
use utoipa::ToSchema;

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Event {
    /// Its number: 1, 2, 3, and so on since the host opened.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The host opened.
    HostOpened {
        /// All machine memory.
        machine_memory_bytes: ByteSize,
        /// VMs known from before.
        vms: usize,
    },
    /// Something of what protects the host from its guests, and others from the host, is not there.
    HostExposed {
        /// What, and what to do.
        why: String,
    },
    /// The host shuts down.
    HostShutsDown,
    /// A VM was created.
    VmCreated {
        /// The name of the VM.
        vm: String,
    },
    /// A VM was removed.
    VmRemoved {
        /// The name of the VM.
        vm: String,
    },
    /// A VM runs.
    VmStarted {
        /// The name of the VM.
        vm: String,
        /// Its number.
        id: u64,
        /// Its memory.
        memory_bytes: ByteSize,
        /// What is guaranteed to it, overhead not included.
        reservation_bytes: ByteSize,
        /// What is set aside for its overhead.
        overhead_reserved_bytes: ByteSize,
        /// Disk space set aside for its swap file.
        swap_bytes: ByteSize,
    },
    /// A VM could not start.
    VmRefused {
        /// The name of the VM.
        vm: String,
        /// The error's code.
        code: ProblemCode,
        /// The error in words, with figures.
        why: String,
    },
    /// A VM was paused.
    VmPaused {
        /// The name of the VM.
        vm: String,
    },
    /// A paused VM goes on.
    VmResumed {
        /// The name of the VM.
        vm: String,
    },
    /// A VM has paused itself: its guest asked for a reset, and is to be kept.
    VmKept {
        /// The name of the VM.
        vm: String,
    },
    /// A VM is being restarted.
    VmRestarted {
        /// The name of the VM.
        vm: String,
        /// The reason.
        why: RestartedFor,
        /// How long it is left off before, as it does hardly anything but restart.
        waits_seconds: u64,
    },
    /// A VM could not start with the host, and is tried again.
    AutostartFailed {
        /// The name of the VM.
        vm: String,
        /// The reason.
        why: String,
        /// How often it has failed now.
        failures: u32,
        /// When it is tried again.
        again_in_seconds: u64,
    },
    /// A VM's guest was asked to shut down.
    ShutdownRequested {
        /// The name of the VM.
        vm: String,
        /// How long it may take.
        deadline_seconds: u64,
    },
    /// A VM has ended.
    VmEnded {
        /// The name of the VM.
        vm: String,
        /// How.
        how: HowEnded,
        /// Why, if it failed, or was stopped because its guest did not shut down.
        why: Option<String>,
    },
    /// A VM makes no progress.
    VmTrouble {
        /// The name of the VM.
        vm: String,
        /// What was seen, in words.
        what: String,
    },
    /// A VM's guest stands still, because its kernel panicked.
    GuestPanicked {
        /// The name of the VM.
        vm: String,
        /// How that is known, in words.
        how: String,
    },
    /// The agent in a VM's guest answered before, and does no more.
    GuestSilent {
        /// The name of the VM.
        vm: String,
        /// For how long, beside what its host held it up for.
        seconds: u64,
    },
    /// The agent in a VM's guest answers again.
    GuestAnswers {
        /// The name of the VM.
        vm: String,
    },
    /// A VM's guest killed programs because its memory ran out, as it says itself.
    GuestOomKills {
        /// The name of the VM.
        vm: String,
        /// How many more than before.
        kills: u64,
        /// How many since its kernel started.
        total: u64,
        /// What its balloon held beyond its cushion when that was heard.
        ballooned_bytes: ByteSize,
        /// What it said to be available.
        available_bytes: Option<ByteSize>,
    },
    /// A VM spends much of its time waiting for memory: for frames, for decompression, for swap-in.
    VmSlowed {
        /// The name of the VM.
        vm: String,
        /// The part of its vCPUs' time, averaged over some seconds.
        waits: f64,
    },
    /// A VM waits for memory no more than others.
    VmNotSlowed {
        /// The name of the VM.
        vm: String,
    },
    /// A VM was changed.
    VmChanged {
        /// The name of the VM.
        vm: String,
        /// What is different.
        changes: Vec<Changed>,
    },
    /// A resource pool was created.
    PoolCreated {
        /// The name of the resource pool.
        pool: String,
    },
    /// A resource pool was removed.
    PoolRemoved {
        /// The name of the resource pool.
        pool: String,
    },
    /// A resource pool was changed.
    PoolChanged {
        /// The name of the resource pool.
        pool: String,
        /// What is different.
        changes: Vec<Changed>,
    },
    /// An advanced setting was changed.
    SettingChanged {
        /// The name of the setting.
        name: &'static str,
        /// Its value before.
        old: u32,
        /// Its value now.
        new: u32,
    },
    /// A plan was made.
    Planned(Decision),
    /// Memory was taken from a VM without its help, in the second before.
    Reclaimed {
        /// The name of the VM.
        vm: String,
        /// Machine memory that came free.
        freed_bytes: ByteSize,
        /// Pages found to be zeros.
        zeroed_bytes: ByteSize,
        /// Pages that joined equal ones.
        shared_bytes: ByteSize,
        /// Pages compressed.
        compressed_bytes: ByteSize,
        /// Pages swapped.
        swapped_bytes: ByteSize,
    },
    /// A balloon's driver is judged differently.
    BalloonJudged {
        /// Whose.
        vm: String,
        /// The verdict before.
        old: Conduct,
        /// The verdict now.
        new: Conduct,
    },
    /// A VM's swap file did not take what it was given.
    SwapFailed {
        /// Whose.
        vm: String,
        /// The reason.
        why: String,
    },
    /// A VM's swap file works again.
    SwapWorks {
        /// Whose.
        vm: String,
    },
    /// A VM's swap file lies in a file system that is memory: what is swapped there takes memory that the host does not count.
    SwapInMemory {
        /// Whose.
        vm: String,
        /// Its directory.
        directory: String,
    },
    /// No memory is free and none comes free, though all that can be is being taken: everybody waits.
    MemoryStandsStill {
        /// For how long.
        seconds: u64,
        /// VMs whose swap files fail.
        failing: Vec<String>,
    },
    /// A disk with swap files does not answer when it is asked how full it is.
    DiskSilent {
        /// The directory of the swap files.
        directory: String,
        /// For how long.
        seconds: u64,
    },
    /// It answers again.
    DiskAnswers {
        /// The directory of the swap files.
        directory: String,
    },
    /// The memory limit of the host's control group is lower than what the host needs, or lower than before. What it lacks is taken
    /// from VMs.
    MemoryLimitLow(MemoryLimit),
    /// The host's control group allows all that the host needs again.
    MemoryLimitFits,
    /// The memory loop was late.
    LoopLate {
        /// By how much.
        milliseconds: u64,
    },
    /// Pages of a VM were brought back from its stores because somebody asked for it.
    Unswapped {
        /// The name of the VM.
        vm: String,
        /// How much.
        brought_back_bytes: ByteSize,
    },
    /// An alarm is new, or worse than before.
    AlarmRaised(Alarm),
    /// An alarm is not critical any more, and still a warning.
    AlarmEased(Alarm),
    /// An alarm is over.
    AlarmCleared(ClearedAlarm),
    /// Somebody has seen an alarm.
    AlarmAcknowledged(Alarm),
    /// What an alarm's rule has done failed.
    AlarmActionFailed {
        /// Which alarm.
        alarm: u64,
        /// Which rule.
        rule: String,
        /// Which VM, if it was about one.
        vm: Option<String>,
        /// `command` or `webhook`.
        action: &'static str,
        /// The reason.
        why: String,
        /// The beginning of what the command said.
        said: Option<String>,
    },
    /// An alarm rule was created.
    AlarmRuleCreated {
        /// The name of the alarm rule.
        rule: String,
    },
    /// An alarm rule was changed.
    AlarmRuleChanged {
        /// The name of the alarm rule.
        rule: String,
        /// What is different; of actions only that they are.
        changes: Vec<Changed>,
    },
    /// An alarm rule was removed.
    AlarmRuleRemoved {
        /// The name of the alarm rule.
        rule: String,
    },
    /// A file of the host's cannot be read, or does not have yet what it should.
    FileTrouble {
        /// The name of the file.
        file: String,
        /// What is the matter.
        state: FileState,
        /// Why, and where in the file.
        why: String,
    },
    /// A file of the host's is as it should be, which it was not.
    FileGood {
        /// The name of the file.
        file: String,
    },
    /// Something of the host failed that nobody was waiting for.
    Trouble {
        /// The reason.
        why: String,
    },
    /// A fault in the host's own code stopped what it was doing. It goes on; please report it.
    InternalError {
        /// What the host was doing, as in "in the memory loop".
        place: String,
        /// What the code said.
        message: String,
    },
    /// An audit found that all invariants hold.
    AuditPassed {
        /// How many running VMs were audited.
        vms: usize,
    },
    /// An invariant does not hold.
    AuditFailed {
        /// Which, and where.
        violation: String,
    },
}

/// A field that is different now, its values as people write them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Changed {
    /// The name of the field.
    pub field: String,
    /// Its value before; `null` if it had none.
    pub old: Option<String>,
    /// Its value now.
    pub new: Option<String>,
}

impl What {
    /// What happened, in the word that is written out.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HostOpened { .. } => "host-opened",
            Self::HostExposed { .. } => "host-exposed",
            Self::HostShutsDown => "host-shuts-down",
            Self::VmCreated { .. } => "vm-created",
            Self::VmRemoved { .. } => "vm-removed",
            Self::VmStarted { .. } => "vm-started",
            Self::VmRefused { .. } => "vm-refused",
            Self::VmPaused { .. } => "vm-paused",
            Self::VmResumed { .. } => "vm-resumed",
            Self::VmKept { .. } => "vm-kept",
            Self::VmRestarted { .. } => "vm-restarted",
            Self::AutostartFailed { .. } => "autostart-failed",
            Self::ShutdownRequested { .. } => "shutdown-requested",
            Self::VmEnded { .. } => "vm-ended",
            Self::VmTrouble { .. } => "vm-trouble",
            Self::VmChanged { .. } => "vm-changed",
            Self::PoolCreated { .. } => "pool-created",
            Self::PoolRemoved { .. } => "pool-removed",
            Self::PoolChanged { .. } => "pool-changed",
            Self::SettingChanged { .. } => "setting-changed",
            Self::Planned(_) => "planned",
            Self::Reclaimed { .. } => "reclaimed",
            Self::BalloonJudged { .. } => "balloon-judged",
            Self::SwapFailed { .. } => "swap-failed",
            Self::SwapWorks { .. } => "swap-works",
            Self::GuestPanicked { .. } => "guest-panicked",
            Self::GuestSilent { .. } => "guest-silent",
            Self::GuestAnswers { .. } => "guest-answers",
            Self::GuestOomKills { .. } => "guest-oom-kills",
            Self::SwapInMemory { .. } => "swap-in-memory",
            Self::VmSlowed { .. } => "vm-slowed",
            Self::VmNotSlowed { .. } => "vm-not-slowed",
            Self::MemoryStandsStill { .. } => "memory-stands-still",
            Self::DiskSilent { .. } => "disk-silent",
            Self::DiskAnswers { .. } => "disk-answers",
            Self::MemoryLimitLow(_) => "memory-limit-low",
            Self::MemoryLimitFits => "memory-limit-fits",
            Self::LoopLate { .. } => "loop-late",
            Self::Unswapped { .. } => "unswapped",
            Self::AlarmRaised(_) => "alarm-raised",
            Self::AlarmEased(_) => "alarm-eased",
            Self::AlarmCleared(_) => "alarm-cleared",
            Self::AlarmAcknowledged(_) => "alarm-acknowledged",
            Self::AlarmActionFailed { .. } => "alarm-action-failed",
            Self::AlarmRuleCreated { .. } => "alarm-rule-created",
            Self::AlarmRuleChanged { .. } => "alarm-rule-changed",
            Self::AlarmRuleRemoved { .. } => "alarm-rule-removed",
            Self::FileTrouble { .. } => "file-trouble",
            Self::FileGood { .. } => "file-good",
            Self::Trouble { .. } => "trouble",
            Self::InternalError { .. } => "internal-error",
            Self::AuditPassed { .. } => "audit-passed",
            Self::AuditFailed { .. } => "audit-failed",
        }
    }

    /// Whether it is one of the memory loop's decisions, made again and again while memory is short: a plan that leaves the state as it
    /// is, or what was taken for one.
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Planned(decision) => decision.state == decision.state_before,
            Self::Reclaimed { .. } => true,
            _ => false,
        }
    }

    /// The VM that it happened to, if it was one.
    pub fn vm(&self) -> Option<&str> {
        match self {
            Self::VmCreated { vm }
            | Self::VmRemoved { vm }
            | Self::VmStarted { vm, .. }
            | Self::VmRefused { vm, .. }
            | Self::VmPaused { vm }
            | Self::VmResumed { vm }
            | Self::VmKept { vm }
            | Self::VmRestarted { vm, .. }
            | Self::AutostartFailed { vm, .. }
            | Self::ShutdownRequested { vm, .. }
            | Self::VmEnded { vm, .. }
            | Self::VmTrouble { vm, .. }
            | Self::VmChanged { vm, .. }
            | Self::Reclaimed { vm, .. }
            | Self::BalloonJudged { vm, .. }
            | Self::SwapFailed { vm, .. }
            | Self::SwapWorks { vm }
            | Self::GuestPanicked { vm, .. }
            | Self::GuestSilent { vm, .. }
            | Self::GuestAnswers { vm }
            | Self::GuestOomKills { vm, .. }
            | Self::SwapInMemory { vm, .. }
            | Self::VmSlowed { vm, .. }
            | Self::VmNotSlowed { vm, .. }
            | Self::Unswapped { vm, .. } => Some(vm),
            Self::AlarmRaised(alarm) | Self::AlarmEased(alarm) | Self::AlarmAcknowledged(alarm) => {
                alarm.vm.as_deref()
            }
            Self::AlarmCleared(cleared) => cleared.alarm.vm.as_deref(),
            Self::AlarmActionFailed { vm, .. } => vm.as_deref(),
            _ => None,
        }
    }
}

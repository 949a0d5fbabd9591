"""What is asked of a host, and what it answers.

Made from docs/openapi.json by tools/generate.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Required, TypeAlias, TypedDict


@dataclass(frozen=True, kw_only=True)
class ActionOutcome:
    """How an action went."""

    done: bool
    """Whether it was done."""

    said: str | None
    """The beginning of what the command or the server said."""

    why: str | None
    """Why not."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """One guest virtual address, from the guest's tables to the machine frame."""

    agreement: Agreement
    """Whether walk, pmap and shadow agree."""

    canonical: bool
    """Whether the address is one of the mode's: the upper bits of others are not copies of the highest that
    counts, and using them is a fault whatever the tables say.
    """

    cpu: int
    """The vCPU."""

    gpa: Hex | None
    """Where they lead; null if nowhere."""

    gva: Hex
    """The address asked about."""

    machine: Hex | None
    """The machine address; null without a frame."""

    name: str
    """The VM."""

    page: Page | None
    """What the guest page is in the pmap; null if it is no memory."""

    shadow: Shadow | None
    """The shadow entry; null if there is none."""

    space: Space
    """The address space it used."""

    technique: str
    """software, hardware."""

    walk: list[WalkStep]
    """The guest's page tables, level by level; empty without translation, and for an address that is not
    canonical.
    """


Afterwards: TypeAlias = Literal["restart", "stop", "keep"]
"""What is done about a VM whose guest reboots or fails."""


Agreement: TypeAlias = Literal["agree", "disagree", "nothing_to_compare", "stale"]
"""How the shadow entry compares with the guest's walk and the pmap."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something is as a rule says that it should not be."""

    acknowledged: AlarmAcknowledgement | None
    """Who has seen it; `null` if nobody said so."""

    changed_at_milliseconds: int
    """When its severity became what it is."""

    directory: str | None
    """On which directory of swap files, if it is measured on these."""

    id: int
    """Its number, which no alarm of this host had before."""

    raised_at_milliseconds: int
    """When it was raised, in milliseconds since 1970."""

    rule: str
    """By which rule."""

    severity: Severity
    """How bad it is."""

    subject: AlarmSubject
    """What is looked at."""

    text: str
    """The same in a sentence."""

    unit: AlarmUnit
    """In what it is measured."""

    value: AlarmLevel
    """The value measured last, in its unit, or a word."""

    vm: str | None
    """On which VM, if it is measured on VMs."""


@dataclass(frozen=True, kw_only=True)
class AlarmAcknowledgement:
    """Somebody has seen an alarm."""

    at_milliseconds: int
    """When, in milliseconds since 1970."""

    by: str
    """Who: `uid 1000`, `token ci`."""


AlarmLevel: TypeAlias = float | str
"""A level or a value as people write it: a number in the subject's unit, or one of its words."""


@dataclass(frozen=True, kw_only=True)
class AlarmList:
    """A page of a list."""

    items: list[Alarm]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """A rule by which alarms are raised."""

    acts: bool
    """Whether something is done when an alarm is raised, eased or cleared."""

    clear_after_seconds: int
    """How long it must not be so before the alarm clears."""

    command: list[str] | None
    """A program and its arguments, run by the host when an alarm is raised, eased or cleared. Given only over
    the Unix socket.
    """

    critical: AlarmThreshold | None
    """From where on it is critical. There is a warning, or this, or both."""

    enabled: bool
    """Whether it is."""

    name: str
    """What people call it; as the name of a VM."""

    raise_after_seconds: int
    """How long it must be so, without interruption, before there is an alarm."""

    subject: AlarmSubject
    """What is looked at."""

    unit: AlarmUnit
    """In what its subject is measured."""

    vms: list[str] | None
    """On which VMs; `null`: all. Only for what is measured on VMs."""

    warning: AlarmThreshold | None
    """From where on it is a warning."""

    webhook: Webhook | None
    """A server that is told then."""


class AlarmRuleChange(TypedDict, total=False):
    """Changes of a rule: only what is to be different."""

    clear_after_seconds: int | None
    """How long it must not be so."""

    command: list[str] | None
    """What the host runs. Given only over the Unix socket; `null` takes it away."""

    critical: AskedAlarmThreshold | None
    """From where on it is critical."""

    enabled: bool | None
    """Whether it is."""

    raise_after_seconds: int | None
    """How long it must be so."""

    subject: AlarmSubject | None
    """What is looked at. Alarms of what was looked at before clear."""

    vms: list[str] | None
    """On which VMs."""

    warning: AskedAlarmThreshold | None
    """From where on it is a warning."""

    webhook: AskedWebhook | None
    """A server that is told."""


@dataclass(frozen=True, kw_only=True)
class AlarmRuleList:
    """A page of a list."""

    items: list[AlarmRule]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


class AlarmRuleSpec(TypedDict, total=False):
    """When something is worth people's attention, and what to do then."""

    clear_after_seconds: int
    """How long it must not be so before the alarm clears."""

    command: list[str] | None
    """A program and its arguments, run by the host when an alarm is raised, eased or cleared. Given only over
    the Unix socket.
    """

    critical: AskedAlarmThreshold | None
    """From where on it is critical. There is a warning, or this, or both."""

    enabled: bool
    """Whether it is."""

    name: Required[str]
    """What people call it; as the name of a VM."""

    raise_after_seconds: int
    """How long it must be so, without interruption, before there is an alarm."""

    subject: Required[AlarmSubject]
    """What is looked at."""

    vms: list[str] | None
    """On which VMs; `null`: all. Only for what is measured on VMs."""

    warning: AskedAlarmThreshold | None
    """From where on it is a warning."""

    webhook: AskedWebhook | None
    """A server that is told then."""


AlarmSubject: TypeAlias = Literal["host-state", "host-free", "host-overcommitment", "host-memory-limit", "host-files", "swap-disk-free", "vm-active", "vm-consumed", "vm-ballooned", "vm-compressed", "vm-swapped", "vm-swap-in", "vm-waiting", "vm-balloon-driver", "vm-guest", "vm-guest-oom-kills", "vm-start"]
"""What a rule looks at."""


AskedAlarmThreshold = TypedDict(
    "AskedAlarmThreshold",
    {
        "clear": "AlarmLevel | None",
        "raise": "Required[AlarmLevel]",
    },
    total=False,
)
"""Levels of one severity."""


@dataclass(frozen=True, kw_only=True)
class AlarmThreshold:
    """Levels of one severity."""

    clear: AlarmLevel | None = None
    """From here on it is so no more, which must be better than `raise`; `null`: as soon as that is not reached."""

    raise_: AlarmLevel
    """From here on it is so: a number in the subject's unit, or one of its words."""


AlarmUnit: TypeAlias = Literal["percent", "bytes-per-second", "count", "word"]
"""In what a subject is measured."""


Allowance: TypeAlias = Literal["free", "waits", "frozen"]
"""Whether a VM may take another frame."""


@dataclass(frozen=True, kw_only=True)
class AuditLine:
    """What somebody wanted to do."""

    at_milliseconds: int
    """When it was answered, in milliseconds since 1970."""

    from_: str | None
    """From where: an address; null over the Unix socket."""

    method: str
    """The request's method."""

    omitted: int
    """How many lines before this one are not there."""

    path: str
    """The request's path, without what follows on a question mark, and cut where it is very long."""

    request_id: str
    """What the request is called."""

    role: Role | None
    """What they may do; null if that is not known."""

    status: int
    """The status it was answered with. One of a long operation says only that it began."""

    who: str
    """Who: `uid 1000` over the Unix socket, `token ci`, or `unknown`."""


@dataclass(frozen=True, kw_only=True)
class AuditLineList:
    """A page of a list."""

    items: list[AuditLine]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


Autostart: TypeAlias = Literal["yes", "no", "last"]
"""Whether a VM starts with the host."""


BalloonUse: TypeAlias = Literal["not-needed", "all", "at-cap", "too-slow", "passed-over", "frees-little", "no-time"]
"""What part the balloon has in reclaiming from a VM."""


Bound: TypeAlias = Literal["wanted", "limit", "reservation", "shares", "taxed-shares", "scarcity"]
"""What decided how much a VM or a resource pool should have."""


ByteSize: TypeAlias = int
"""A number of bytes."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, once that is known."""

    is_local: bool
    """Whether the machine itself let them in, over the Unix socket: some things only they may."""

    role: Role
    """What they may do."""

    who: str
    """As in the audit log: `uid 1000` over the Unix socket, `token NAME` over TCP."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A field that is different now, its values as people write them."""

    field: str
    """The name of the field."""

    new: str | None
    """Its value now."""

    old: str | None
    """Its value before; `null` if it had none."""


Conduct: TypeAlias = Literal["absent", "untried", "working", "slow", "stuck", "lying", "probation"]
"""How a balloon driver has conducted itself."""


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """One virtual processor now."""

    code_bytes: int
    """Memory of decoded code."""

    instructions: int
    """Instructions executed."""

    shadow_bytes: int
    """Memory they take."""

    shadow_tables: int
    """Shadow tables it has."""

    technique: str
    """software or hardware."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device."""

    accesses: int
    """Register accesses."""

    bad_requests: int
    """Requests that make no sense."""

    interrupts: int
    """Interrupts it raised."""

    kicks: int
    """Times the guest said there is work."""

    last_bad: str | None
    """The last of them, in words."""

    name: str
    """What it is."""

    worker_nanoseconds: int
    """Processor time that its own thread used."""


class VmEdit(TypedDict, total=False):
    """A running VM had other controls. What is left out stays."""

    edit: Required[Literal["vm"]]

    limit_bytes: ByteSize | None
    """What it never exceeds; `null` for no limit."""

    name: Required[str]
    """The name of the VM."""

    reservation_bytes: ByteSize | None
    """What is guaranteed to it."""

    shares: Shares | None
    """Its claim on scarce memory."""


class AddVmEdit(TypedDict, total=False):
    """One more VM ran."""

    edit: Required[Literal["add-vm"]]

    memory_bytes: Required[ByteSize]
    """Its memory."""

    pool: str | None
    """The resource pool it lies in."""

    reservation_bytes: ByteSize
    """What is guaranteed to it."""

    shares: Shares
    """Its claim on scarce memory."""

    used_bytes: ByteSize | None
    """What it would hold and use; all of its memory by default."""


class StopVmEdit(TypedDict, total=False):
    """A running VM did not run."""

    edit: Required[Literal["stop-vm"]]

    name: Required[str]
    """The name of the VM."""


class SettingEdit(TypedDict, total=False):
    """A setting had another value."""

    edit: Required[Literal["setting"]]

    name: Required[str]
    """The name of the setting."""

    value: Required[int]
    """Its value."""


Edit: TypeAlias = VmEdit | AddVmEdit | StopVmEdit | SettingEdit
"""A change to be imagined."""


@dataclass(frozen=True, kw_only=True)
class EntitlementBytes:
    """What a VM or a resource pool should have, and what decided that."""

    active_bytes: ByteSize
    """What it uses."""

    bound: Bound
    """What decided that."""

    bytes_per_share: float | None
    """Memory in use that one share buys among its siblings; `null` when these all got what they may have."""

    max_bytes: ByteSize
    """The most it is given."""

    min_bytes: ByteSize
    """The least it is given."""

    shares: int
    """Its number of shares."""

    target_bytes: ByteSize
    """What it should hold at most when memory is short."""

    tax: float
    """The part of its idle memory that may be taken."""

    wanted_bytes: ByteSize
    """What it would hold if there were memory for all."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened."""

    at_milliseconds: int
    """When, in milliseconds since 1970."""

    seq: int
    """Its number: 1, 2, 3, and so on since the host opened."""

    event: str
    """Of which kind."""


@dataclass(frozen=True, kw_only=True)
class HostOpenedEvent(Event):
    """The host opened."""

    event: Literal["host-opened"]

    machine_memory_bytes: ByteSize
    """All machine memory."""

    vms: int
    """VMs known from before."""


@dataclass(frozen=True, kw_only=True)
class HostExposedEvent(Event):
    """Something of what protects the host from its guests, and others from the host, is not there."""

    event: Literal["host-exposed"]

    why: str
    """What, and what to do."""


@dataclass(frozen=True, kw_only=True)
class HostShutsDownEvent(Event):
    """The host shuts down."""

    event: Literal["host-shuts-down"]


@dataclass(frozen=True, kw_only=True)
class VmCreatedEvent(Event):
    """A VM was created."""

    event: Literal["vm-created"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmRemovedEvent(Event):
    """A VM was removed."""

    event: Literal["vm-removed"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmStartedEvent(Event):
    """A VM runs."""

    event: Literal["vm-started"]

    id: int
    """Its number."""

    memory_bytes: ByteSize
    """Its memory."""

    overhead_reserved_bytes: ByteSize
    """What is set aside for its overhead."""

    reservation_bytes: ByteSize
    """What is guaranteed to it, overhead not included."""

    swap_bytes: ByteSize
    """Disk space set aside for its swap file."""

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmRefusedEvent(Event):
    """A VM could not start."""

    code: ProblemCode
    """The error's code."""

    event: Literal["vm-refused"]

    vm: str
    """The name of the VM."""

    why: str
    """The error in words, with figures."""


@dataclass(frozen=True, kw_only=True)
class VmPausedEvent(Event):
    """A VM was paused."""

    event: Literal["vm-paused"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmResumedEvent(Event):
    """A paused VM goes on."""

    event: Literal["vm-resumed"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmKeptEvent(Event):
    """A VM has paused itself: its guest asked for a reset, and is to be kept."""

    event: Literal["vm-kept"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmRestartedEvent(Event):
    """A VM is being restarted."""

    event: Literal["vm-restarted"]

    vm: str
    """The name of the VM."""

    waits_seconds: int
    """How long it is left off before, as it does hardly anything but restart."""

    why: RestartedFor
    """The reason."""


@dataclass(frozen=True, kw_only=True)
class AutostartFailedEvent(Event):
    """A VM could not start with the host, and is tried again."""

    again_in_seconds: int
    """When it is tried again."""

    event: Literal["autostart-failed"]

    failures: int
    """How often it has failed now."""

    vm: str
    """The name of the VM."""

    why: str
    """The reason."""


@dataclass(frozen=True, kw_only=True)
class ShutdownRequestedEvent(Event):
    """A VM's guest was asked to shut down."""

    deadline_seconds: int
    """How long it may take."""

    event: Literal["shutdown-requested"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmEndedEvent(Event):
    """A VM has ended."""

    event: Literal["vm-ended"]

    how: HowEnded
    """How."""

    vm: str
    """The name of the VM."""

    why: str | None
    """Why, if it failed, or was stopped because its guest did not shut down."""


@dataclass(frozen=True, kw_only=True)
class VmTroubleEvent(Event):
    """A VM makes no progress."""

    event: Literal["vm-trouble"]

    vm: str
    """The name of the VM."""

    what: str
    """What was seen, in words."""


@dataclass(frozen=True, kw_only=True)
class GuestPanickedEvent(Event):
    """A VM's guest stands still, because its kernel panicked."""

    event: Literal["guest-panicked"]

    how: str
    """How that is known, in words."""

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class GuestSilentEvent(Event):
    """The agent in a VM's guest answered before, and does no more."""

    event: Literal["guest-silent"]

    seconds: int
    """For how long, beside what its host held it up for."""

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class GuestAnswersEvent(Event):
    """The agent in a VM's guest answers again."""

    event: Literal["guest-answers"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class GuestOomKillsEvent(Event):
    """A VM's guest killed programs because its memory ran out, as it says itself."""

    available_bytes: ByteSize | None
    """What it said to be available."""

    ballooned_bytes: ByteSize
    """What its balloon held beyond its cushion when that was heard."""

    event: Literal["guest-oom-kills"]

    kills: int
    """How many more than before."""

    total: int
    """How many since its kernel started."""

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmSlowedEvent(Event):
    """A VM spends much of its time waiting for memory: for frames, for decompression, for swap-in."""

    event: Literal["vm-slowed"]

    vm: str
    """The name of the VM."""

    waits: float
    """The part of its vCPUs' time, averaged over some seconds."""


@dataclass(frozen=True, kw_only=True)
class VmNotSlowedEvent(Event):
    """A VM waits for memory no more than others."""

    event: Literal["vm-not-slowed"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class VmChangedEvent(Event):
    """A VM was changed."""

    changes: list[Changed]
    """What is different."""

    event: Literal["vm-changed"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class PoolCreatedEvent(Event):
    """A resource pool was created."""

    event: Literal["pool-created"]

    pool: str
    """The name of the resource pool."""


@dataclass(frozen=True, kw_only=True)
class PoolRemovedEvent(Event):
    """A resource pool was removed."""

    event: Literal["pool-removed"]

    pool: str
    """The name of the resource pool."""


@dataclass(frozen=True, kw_only=True)
class PoolChangedEvent(Event):
    """A resource pool was changed."""

    changes: list[Changed]
    """What is different."""

    event: Literal["pool-changed"]

    pool: str
    """The name of the resource pool."""


@dataclass(frozen=True, kw_only=True)
class SettingChangedEvent(Event):
    """An advanced setting was changed."""

    event: Literal["setting-changed"]

    name: str
    """The name of the setting."""

    new: int
    """Its value now."""

    old: int
    """Its value before."""


@dataclass(frozen=True, kw_only=True)
class PlannedEvent(Event):
    """A plan was made."""

    for_guests_bytes: ByteSize
    """What there is for guests."""

    free_bytes: ByteSize
    """Free machine memory."""

    high_bytes: ByteSize
    """What should be free."""

    more_vms: int
    """How many VMs more."""

    next_threshold_bytes: ByteSize
    """Free memory at which the next lower state begins; 0 in the lowest."""

    pace_bytes_per_second: ByteSize | None
    """Pages a second to reclaim, in bytes; `null`: as fast as can be."""

    plans: int
    """Plans made since it was told last, this one among them."""

    shortfall_bytes: ByteSize
    """What free memory lacks to what should be."""

    state: HostState
    """The state from now on."""

    state_before: HostState
    """The state when it was told last."""

    state_changes: int
    """How often the state changed since."""

    trigger: Trigger
    """What called for a plan."""

    unmet_bytes: ByteSize
    """What cannot be had from anyone."""

    vms: list[VmDecision]
    """VMs from which something is taken or which get something back; at most `Decision::MOST_VMS`."""

    event: Literal["planned"]


@dataclass(frozen=True, kw_only=True)
class ReclaimedEvent(Event):
    """Memory was taken from a VM without its help, in the second before."""

    compressed_bytes: ByteSize
    """Pages compressed."""

    event: Literal["reclaimed"]

    freed_bytes: ByteSize
    """Machine memory that came free."""

    shared_bytes: ByteSize
    """Pages that joined equal ones."""

    swapped_bytes: ByteSize
    """Pages swapped."""

    vm: str
    """The name of the VM."""

    zeroed_bytes: ByteSize
    """Pages found to be zeros."""


@dataclass(frozen=True, kw_only=True)
class BalloonJudgedEvent(Event):
    """A balloon's driver is judged differently."""

    event: Literal["balloon-judged"]

    new: Conduct
    """The verdict now."""

    old: Conduct
    """The verdict before."""

    vm: str
    """Whose."""


@dataclass(frozen=True, kw_only=True)
class SwapFailedEvent(Event):
    """A VM's swap file did not take what it was given."""

    event: Literal["swap-failed"]

    vm: str
    """Whose."""

    why: str
    """The reason."""


@dataclass(frozen=True, kw_only=True)
class SwapWorksEvent(Event):
    """A VM's swap file works again."""

    event: Literal["swap-works"]

    vm: str
    """Whose."""


@dataclass(frozen=True, kw_only=True)
class SwapInMemoryEvent(Event):
    """A VM's swap file lies in a file system that is memory: what is swapped there takes memory that the host
    does not count.
    """

    directory: str
    """Its directory."""

    event: Literal["swap-in-memory"]

    vm: str
    """Whose."""


@dataclass(frozen=True, kw_only=True)
class MemoryStandsStillEvent(Event):
    """No memory is free and none comes free, though all that can be is being taken: everybody waits."""

    event: Literal["memory-stands-still"]

    failing: list[str]
    """VMs whose swap files fail."""

    seconds: int
    """For how long."""


@dataclass(frozen=True, kw_only=True)
class DiskSilentEvent(Event):
    """A disk with swap files does not answer when it is asked how full it is."""

    directory: str
    """The directory of the swap files."""

    event: Literal["disk-silent"]

    seconds: int
    """For how long."""


@dataclass(frozen=True, kw_only=True)
class DiskAnswersEvent(Event):
    """It answers again."""

    directory: str
    """The directory of the swap files."""

    event: Literal["disk-answers"]


@dataclass(frozen=True, kw_only=True)
class MemoryLimitLowEvent(Event):
    """The memory limit of the host's control group is lower than what the host needs, or lower than before. What
    it lacks is taken from VMs.
    """

    control_group: str
    """The directory of the control group."""

    lacks_bytes: ByteSize
    """The difference: counted as the host's own overhead, so that VMs give it up."""

    limit_bytes: ByteSize
    """Its limit."""

    needed_bytes: ByteSize
    """What the host needs: machine memory, and what Linux itself keeps for the process."""

    event: Literal["memory-limit-low"]


@dataclass(frozen=True, kw_only=True)
class MemoryLimitFitsEvent(Event):
    """The host's control group allows all that the host needs again."""

    event: Literal["memory-limit-fits"]


@dataclass(frozen=True, kw_only=True)
class LoopLateEvent(Event):
    """The memory loop was late."""

    event: Literal["loop-late"]

    milliseconds: int
    """By how much."""


@dataclass(frozen=True, kw_only=True)
class UnswappedEvent(Event):
    """Pages of a VM were brought back from its stores because somebody asked for it."""

    brought_back_bytes: ByteSize
    """How much."""

    event: Literal["unswapped"]

    vm: str
    """The name of the VM."""


@dataclass(frozen=True, kw_only=True)
class AlarmRaisedEvent(Event):
    """An alarm is new, or worse than before."""

    acknowledged: AlarmAcknowledgement | None
    """Who has seen it; `null` if nobody said so."""

    changed_at_milliseconds: int
    """When its severity became what it is."""

    directory: str | None
    """On which directory of swap files, if it is measured on these."""

    id: int
    """Its number, which no alarm of this host had before."""

    raised_at_milliseconds: int
    """When it was raised, in milliseconds since 1970."""

    rule: str
    """By which rule."""

    severity: Severity
    """How bad it is."""

    subject: AlarmSubject
    """What is looked at."""

    text: str
    """The same in a sentence."""

    unit: AlarmUnit
    """In what it is measured."""

    value: AlarmLevel
    """The value measured last, in its unit, or a word."""

    vm: str | None
    """On which VM, if it is measured on VMs."""

    event: Literal["alarm-raised"]


@dataclass(frozen=True, kw_only=True)
class AlarmEasedEvent(Event):
    """An alarm is not critical any more, and still a warning."""

    acknowledged: AlarmAcknowledgement | None
    """Who has seen it; `null` if nobody said so."""

    changed_at_milliseconds: int
    """When its severity became what it is."""

    directory: str | None
    """On which directory of swap files, if it is measured on these."""

    id: int
    """Its number, which no alarm of this host had before."""

    raised_at_milliseconds: int
    """When it was raised, in milliseconds since 1970."""

    rule: str
    """By which rule."""

    severity: Severity
    """How bad it is."""

    subject: AlarmSubject
    """What is looked at."""

    text: str
    """The same in a sentence."""

    unit: AlarmUnit
    """In what it is measured."""

    value: AlarmLevel
    """The value measured last, in its unit, or a word."""

    vm: str | None
    """On which VM, if it is measured on VMs."""

    event: Literal["alarm-eased"]


@dataclass(frozen=True, kw_only=True)
class AlarmClearedEvent(Event):
    """An alarm is over."""

    acknowledged: AlarmAcknowledgement | None
    """Who has seen it; `null` if nobody said so."""

    changed_at_milliseconds: int
    """When its severity became what it is."""

    directory: str | None
    """On which directory of swap files, if it is measured on these."""

    gone: bool
    """Whether it cleared because its rule, VM or directory went, and not because anything is better."""

    id: int
    """Its number, which no alarm of this host had before."""

    raised_at_milliseconds: int
    """When it was raised, in milliseconds since 1970."""

    rule: str
    """By which rule."""

    severity: Severity
    """How bad it is."""

    subject: AlarmSubject
    """What is looked at."""

    text: str
    """The same in a sentence."""

    unit: AlarmUnit
    """In what it is measured."""

    value: AlarmLevel
    """The value measured last, in its unit, or a word."""

    vm: str | None
    """On which VM, if it is measured on VMs."""

    event: Literal["alarm-cleared"]


@dataclass(frozen=True, kw_only=True)
class AlarmAcknowledgedEvent(Event):
    """Somebody has seen an alarm."""

    acknowledged: AlarmAcknowledgement | None
    """Who has seen it; `null` if nobody said so."""

    changed_at_milliseconds: int
    """When its severity became what it is."""

    directory: str | None
    """On which directory of swap files, if it is measured on these."""

    id: int
    """Its number, which no alarm of this host had before."""

    raised_at_milliseconds: int
    """When it was raised, in milliseconds since 1970."""

    rule: str
    """By which rule."""

    severity: Severity
    """How bad it is."""

    subject: AlarmSubject
    """What is looked at."""

    text: str
    """The same in a sentence."""

    unit: AlarmUnit
    """In what it is measured."""

    value: AlarmLevel
    """The value measured last, in its unit, or a word."""

    vm: str | None
    """On which VM, if it is measured on VMs."""

    event: Literal["alarm-acknowledged"]


@dataclass(frozen=True, kw_only=True)
class AlarmActionFailedEvent(Event):
    """What an alarm's rule has done failed."""

    action: str
    """`command` or `webhook`."""

    alarm: int
    """Which alarm."""

    event: Literal["alarm-action-failed"]

    rule: str
    """Which rule."""

    said: str | None
    """The beginning of what the command said."""

    vm: str | None
    """Which VM, if it was about one."""

    why: str
    """The reason."""


@dataclass(frozen=True, kw_only=True)
class AlarmRuleCreatedEvent(Event):
    """An alarm rule was created."""

    event: Literal["alarm-rule-created"]

    rule: str
    """The name of the alarm rule."""


@dataclass(frozen=True, kw_only=True)
class AlarmRuleChangedEvent(Event):
    """An alarm rule was changed."""

    changes: list[Changed]
    """What is different; of actions only that they are."""

    event: Literal["alarm-rule-changed"]

    rule: str
    """The name of the alarm rule."""


@dataclass(frozen=True, kw_only=True)
class AlarmRuleRemovedEvent(Event):
    """An alarm rule was removed."""

    event: Literal["alarm-rule-removed"]

    rule: str
    """The name of the alarm rule."""


@dataclass(frozen=True, kw_only=True)
class FileTroubleEvent(Event):
    """A file of the host's cannot be read, or does not have yet what it should."""

    event: Literal["file-trouble"]

    file: str
    """The name of the file."""

    state: FileState
    """What is the matter."""

    why: str
    """Why, and where in the file."""


@dataclass(frozen=True, kw_only=True)
class FileGoodEvent(Event):
    """A file of the host's is as it should be, which it was not."""

    event: Literal["file-good"]

    file: str
    """The name of the file."""


@dataclass(frozen=True, kw_only=True)
class TroubleEvent(Event):
    """Something of the host failed that nobody was waiting for."""

    event: Literal["trouble"]

    why: str
    """The reason."""


@dataclass(frozen=True, kw_only=True)
class InternalErrorEvent(Event):
    """A fault in the host's own code stopped what it was doing. It goes on; please report it."""

    event: Literal["internal-error"]

    message: str
    """What the code said."""

    place: str
    """What the host was doing, as in "in the memory loop"."""


@dataclass(frozen=True, kw_only=True)
class AuditPassedEvent(Event):
    """An audit found that all invariants hold."""

    event: Literal["audit-passed"]

    vms: int
    """How many running VMs were audited."""


@dataclass(frozen=True, kw_only=True)
class AuditFailedEvent(Event):
    """An invariant does not hold."""

    event: Literal["audit-failed"]

    violation: str
    """Which, and where."""


@dataclass(frozen=True, kw_only=True)
class EventList:
    """A page of a list."""

    items: list[Event]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """Why a VM holds what it holds, and what would change it."""

    allowance: Allowance
    """Whether it may take another frame at once."""

    balloon_conduct: Conduct
    """How its balloon's driver conducts itself."""

    entitlement: EntitlementBytes
    """What it should have."""

    for_guests_bytes: ByteSize
    """What there is for guests."""

    free_bytes: ByteSize
    """Free machine memory."""

    levers: list[LeverBytes]
    """Changes that would give it another target and would be admitted."""

    limit_bytes: ByteSize | None
    """What it never exceeds."""

    name: str
    """The VM."""

    pages: PageBytes
    """What its pages are."""

    pools: list[PoolEntitlement]
    """The resource pools around it, from the inside."""

    reclaim: ReclaimBytes
    """What is taken from it, or given back."""

    reservation_bytes: ByteSize
    """What is guaranteed to it."""

    siblings: list[SiblingShares]
    """What shares memory with it, in its resource pool or on the host, those with the most shares first."""

    size_bytes: ByteSize
    """Guest physical memory."""

    slowdown: Slowdown
    """How much of its time it waits for memory."""

    state: HostState
    """The host's state."""

    text: str
    """All of it in sentences."""

    thresholds: ThresholdBytes
    """Free memory at which states change."""

    worst_case_bytes: ByteSize
    """What it would have if all VMs used their whole size."""


FileState: TypeAlias = Literal["unreadable", "unwritten"]
"""What is the matter with a file."""


@dataclass(frozen=True, kw_only=True)
class FileTrouble:
    """A file of the host's that is not as it should be."""

    file: str
    """The name of the file."""

    since_milliseconds: int
    """Since when, in milliseconds since 1970."""

    state: FileState
    """What is the matter."""

    why: str
    """Why, and where in the file."""


GuestState: TypeAlias = Literal["unknown", "well", "silent", "panicked"]
"""How a guest is."""


Hex: TypeAlias = str
"""An address or frame number."""


HostState: TypeAlias = Literal["high", "clear", "soft", "hard", "low"]
"""How short of memory the host is, from not at all to very."""


@dataclass(frozen=True, kw_only=True)
class HostStatus:
    """The host's memory."""

    at_milliseconds: int
    """When it was measured, in milliseconds since 1970."""

    file_troubles: list[FileTrouble]
    """Files of the host's that are not as they should be, 32 at most."""

    ledger: Ledger
    """What all machine memory is used for."""

    memory_limit: MemoryLimit | None
    """The memory limit of the host's control group, if it is lower than what the host needs; `null` if it is
    not.
    """

    memory_loop: LoopStatus
    """How the memory loop does."""

    overcommitment: float
    """What running VMs may come to hold (their sizes, or limits where these are smaller, and their overhead)
    beyond what there is for them, as a part of that: all machine memory but the host's own overhead. 0 if it
    is less.
    """

    pools: list[PoolStatus]
    """Every resource pool, by name."""

    reserved_bytes: ByteSize
    """What is guaranteed to running VMs and to resource pools, overhead included."""

    state: HostState
    """The state."""

    state_seconds: StateSeconds
    """For how long the host has been in each state since it started."""

    sums: Metrics
    """What running VMs have together."""

    swap_total_bytes: ByteSize
    """Disk space of the swap files of running VMs."""

    thresholds: ThresholdBytes
    """Free memory at which states change."""

    unreserved_bytes: ByteSize
    """What could still be guaranteed to VMs on the host itself."""

    vms: list[VmStatus]
    """Every running VM, by name."""


HowEnded: TypeAlias = Literal["powered-off", "reboot-requested", "guest-failure", "stopped", "failed"]
"""How a VM's run ended."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What machine memory is used for. Free, private, shared, zip, in flight and overhead, less the deficit, add
    up to the total, to the page (INV-5).
    """

    beside_pool_bytes: ByteSize | None
    """What the host's process takes beside the pool by Linux's count: its anonymous memory, and the pages of
    files it has mapped, which are mostly the program; `null` if that is not known.
    """

    deficit_bytes: ByteSize
    """What of the overhead is not free yet and has to be reclaimed first: by so much the host may be beyond its
    machine memory.
    """

    free_bytes: ByteSize
    """What can be handed out."""

    host_overhead_bytes: ByteSize
    """Of the overhead, the host's own."""

    in_flight_bytes: ByteSize
    """What was taken for a page or for compressed ones, and is not in its place yet: it is waited for a disk, or
    the page is just being filled.
    """

    overhead_bytes: ByteSize
    """What is set aside because as much is in use beside the pool, or is about to be, by VMs and by the host
    itself.
    """

    private_bytes: ByteSize
    """What holds one page of one VM."""

    shared_bytes: ByteSize
    """What holds pages shared by several. vSphere's *shared common*."""

    total_bytes: ByteSize
    """All of it."""

    zip_bytes: ByteSize
    """What holds compressed pages."""


@dataclass(frozen=True, kw_only=True)
class LeverBytes:
    """A change that would give a VM another target."""

    change: str
    """What would be different, in words."""

    pool: str | None
    """The resource pool that would be different; `null`: the VM, or the host."""

    target: Shift
    """The VM's target."""


@dataclass(frozen=True, kw_only=True)
class LoopStatus:
    """How the memory loop does."""

    lag_microseconds: int
    """How much later than intended the loop last woke up."""

    longest_slice_microseconds: int
    """The longest time a slice of reclaiming took. The loop does not wait for it."""

    plan_microseconds: int
    """How long the last one took."""

    plans: int
    """Plans made."""

    shortages: int
    """Times it was woken by free memory falling below a threshold, or by somebody waiting for memory."""

    standstill_seconds: int
    """For how long no memory has been free and none has come free; 0 if that is not so."""

    worst_lag_microseconds: int
    """The most it ever was late."""


@dataclass(frozen=True, kw_only=True)
class Map:
    """A VM's memory: what its pages are, and some of the pages mapped in one address space."""

    cpu: int
    """The vCPU."""

    first_gfn: Hex
    """The guest's memory: its first page, and how many there are."""

    guest_frames: int
    """How many pages the guest's memory has."""

    mapped_pages: int
    """How many pages the guest maps in this address space."""

    name: str
    """The VM."""

    pages: Pages
    """What all of the VM's pages are."""

    pool_frames: int
    """How many frames the pool has."""

    sample: list[Mapped]
    """Some of these pages, spread over the address space, in order of address."""

    shadow_entries: int
    """Shadow entries of this vCPU, for all its address spaces."""

    space: Space
    """The address space it used."""

    technique: str
    """software, hardware."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A mapped page."""

    gfn: Hex
    """Its guest page."""

    gva: Hex
    """Its address."""

    mfn: Hex | None
    """Null while the page has no frame."""

    permissions: str
    """r, w, x and u, a dash where something is not permitted."""

    shadowed: bool
    """Whether a shadow entry leads straight from gva to frame."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimit:
    """A control group's memory limit that is lower than what the host needs."""

    control_group: str
    """The directory of the control group."""

    lacks_bytes: ByteSize
    """The difference: counted as the host's own overhead, so that VMs give it up."""

    limit_bytes: ByteSize
    """Its limit."""

    needed_bytes: ByteSize
    """What the host needs: machine memory, and what Linux itself keeps for the process."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Figures of a VM that add up to those of the host."""

    active_bytes: ByteSize
    """Pages in use lately."""

    active_write_bytes: ByteSize
    """Pages written lately."""

    balloon_target_bytes: ByteSize
    """What the balloon is asked to hold."""

    ballooned_bytes: ByteSize
    """Pages in the balloon."""

    compressed_bytes: ByteSize
    """Pages compressed."""

    compressed_bytes_per_second: ByteSize
    """Compressed in a second."""

    consumed_bytes: ByteSize
    """Machine memory they take, shared frames by part, and the zip store; overhead not included."""

    decompressed_bytes_per_second: ByteSize
    """Decompressed in a second."""

    entitlement_bytes: ByteSize
    """What it should hold at most when memory is short."""

    granted_bytes: ByteSize
    """Pages the guest can use without waiting."""

    overhead_bytes: ByteSize
    """What is set aside for what it costs beyond its guest's memory: as measured, and a step for what it takes
    next.
    """

    overhead_reserved_bytes: ByteSize
    """The most that may become, which is reserved for it."""

    private_bytes: ByteSize
    """Pages in frames of their own."""

    scanned_bytes_per_second: ByteSize
    """Looked through for equal pages in a second."""

    shared_bytes: ByteSize
    """Pages shared, zero pages among them."""

    shared_common_bytes: ByteSize
    """Machine memory behind those that are not zeros. Exact for the host, and for a VM that shares pages with no
    other, as is the default; of what several VMs share, each one's part by number of pages: an estimate.
    """

    swap_in_bytes_per_second: ByteSize
    """Read from the swap file in a second."""

    swap_out_bytes_per_second: ByteSize
    """Written to the swap file in a second."""

    swap_target_bytes: ByteSize
    """vSphere's *swap target*: what is swapped, and what is still to be taken by compressing and swapping. Above
    `swapped_bytes`: more will be swapped, unless it can be compressed; equal: no more will.
    """

    swapped_bytes: ByteSize
    """Pages swapped."""

    untouched_bytes: ByteSize
    """Pages never used, or given back."""

    zero_bytes: ByteSize
    """Zero pages."""

    zip_saved_bytes: ByteSize
    """Machine memory that compressing them saves."""

    zip_used_bytes: ByteSize
    """Machine memory that they take."""


Mmu: TypeAlias = Literal["automatic", "software", "hardware"]
"""How addresses are translated."""


class MovePages(TypedDict, total=False):
    """How many pages are to be moved."""

    pages: Required[int]
    """At most so many."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What an order to move pages did."""

    name: str
    """The VM."""

    pages_in_use: int
    """Pages left because a device used them, or they were on their way already."""

    pages_moved: int
    """Pages that are in other frames."""

    pages_without_frame: int
    """Pages left because no frame was free."""


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token that was just made."""

    created_at_milliseconds: int
    """When it was made, in milliseconds since 1970."""

    expires_at_milliseconds: int | None
    """From when on it is not valid; null: it always is."""

    last_used_at_milliseconds: int | None
    """In which hour it was used last, by the hour's beginning; null: never."""

    name: str
    """What it is called, in the audit log too."""

    role: Role
    """What who has it may do."""

    secret: str
    """What to send. It is not shown again."""


Only: TypeAlias = Literal["events", "decisions", "status"]
"""A kind of message."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Work that takes longer than one likes to wait for an answer."""

    cancellable: bool
    """Whether it can be cancelled, now."""

    done_bytes: ByteSize
    """How much is done: of an unswap, what was brought back; of an audit, the size of the VMs that were checked."""

    ended_at_milliseconds: int | None
    """When it ended."""

    id: int
    """Its number."""

    kind: OperationKind
    """What is done."""

    message: str | None
    """What came of it, in words; null unless it is done."""

    problem: Problem | None
    """Why it failed, or was not done."""

    progress: float | None
    """The part that is done, from 0 to 1; null while that is not known."""

    started_at_milliseconds: int
    """When it began, in milliseconds since 1970."""

    state: OperationState
    """How it is going."""

    total_bytes: ByteSize | None
    """Of how much; null if that is not known."""

    vm: str | None
    """To which VM; null for the whole host."""

    waiting: str | None
    """What it waits for, in words; null while it works, and once it has ended."""


OperationKind: TypeAlias = Literal["start", "stop", "restart", "pause", "resume", "unswap", "audit"]
"""What an operation does."""


@dataclass(frozen=True, kw_only=True)
class OperationList:
    """A page of a list."""

    items: list[Operation]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


OperationState: TypeAlias = Literal["running", "done", "failed", "cancelled"]
"""How an operation is going."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A guest page."""

    gfn: Hex
    """Its number."""

    in_passage: bool
    """Whether it is changing its state or frame right now."""

    mfn: Hex | None
    """Its frame; null if it has none."""

    state: PageState
    """What it is."""


@dataclass(frozen=True, kw_only=True)
class PageBytes:
    """What a VM's pages are. They add up to its size, without `balloon_freed_bytes`, which is part of another."""

    balloon_freed_bytes: ByteSize
    """Of these, what came free when the balloon took it; the rest was never used, or zero."""

    ballooned_bytes: ByteSize
    """In the balloon."""

    compressed_bytes: ByteSize
    """Compressed."""

    private_bytes: ByteSize
    """In frames of their own."""

    shared_bytes: ByteSize
    """In frames that several pages share; without zeros."""

    swapped_bytes: ByteSize
    """In the swap file."""

    untouched_bytes: ByteSize
    """Never used, or given back."""

    zero_bytes: ByteSize
    """Zero pages."""


PageState: TypeAlias = Literal["untouched", "private", "shared", "zero", "ballooned", "compressed", "swapped"]
"""What a guest page is."""


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What a VM's pages are."""

    ballooned_bytes: int
    """In the balloon."""

    compressed_bytes: int
    """In the zip store."""

    private_bytes: int
    """In frames of their own."""

    shared_bytes: int
    """In frames shared with equal pages."""

    swapped_bytes: int
    """In the swap file."""

    untouched_bytes: int
    """Never used, or given back."""

    zero_bytes: int
    """Known to be zeros."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A resource pool."""

    expandable: bool
    """Whether reservations within may take from the parent what this pool's own lacks."""

    limit_bytes: ByteSize | None
    """Machine memory that those within never exceed together; none by default."""

    name: str
    """What people call it; as the name of a VM."""

    parent: str | None
    """The pool it lies in; the host itself by default."""

    reservation_bytes: ByteSize
    """Machine memory guaranteed to those within, overhead included; whole pages."""

    reservation_used_bytes: ByteSize
    """What is guaranteed to those within, of the pool's reservation and beyond."""

    scalable_shares: bool
    """Whether its shares scale with those of its members: the level then says what a member of this pool may
    claim against a VM beside the pool, however many members there are.
    """

    shares: Shares
    """Claim on scarce memory relative to siblings: low, normal, high or a number."""

    unreserved_bytes: ByteSize
    """What still could be."""


class PoolChange(TypedDict, total=False):
    """Changes of a resource pool."""

    expandable: bool | None
    """Whether reservations within may take from the parent."""

    limit_bytes: ByteSize | None
    """Machine memory never exceeded."""

    parent: str | None
    """The pool it lies in."""

    reservation_bytes: ByteSize | None
    """Machine memory guaranteed."""

    scalable_shares: bool | None
    """Whether its shares scale with those of its members."""

    shares: Shares | None
    """Claim on scarce memory."""


@dataclass(frozen=True, kw_only=True)
class PoolEntitlement:
    """What a resource pool should have."""

    active_bytes: ByteSize
    """What it uses."""

    bound: Bound
    """What decided that."""

    bytes_per_share: float | None
    """Memory in use that one share buys among its siblings; `null` when these all got what they may have."""

    max_bytes: ByteSize
    """The most it is given."""

    min_bytes: ByteSize
    """The least it is given."""

    name: str
    """The name of the resource pool."""

    shares: int
    """Its number of shares."""

    target_bytes: ByteSize
    """What it should hold at most when memory is short."""

    tax: float
    """The part of its idle memory that may be taken."""

    wanted_bytes: ByteSize
    """What it would hold if there were memory for all."""


@dataclass(frozen=True, kw_only=True)
class PoolList:
    """A page of a list."""

    items: list[Pool]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


class PoolSpec(TypedDict, total=False):
    """A resource pool as it is asked to be."""

    expandable: bool
    """Whether reservations within may take from the parent what this pool's own lacks."""

    limit_bytes: ByteSize | None
    """Machine memory that those within never exceed together; none by default."""

    name: Required[str]
    """What people call it; as the name of a VM."""

    parent: str | None
    """The pool it lies in; the host itself by default."""

    reservation_bytes: ByteSize
    """Machine memory guaranteed to those within, overhead included; whole pages."""

    scalable_shares: bool
    """Whether its shares scale with those of its members: the level then says what a member of this pool may
    claim against a VM beside the pool, however many members there are.
    """

    shares: Shares
    """Claim on scarce memory relative to siblings: low, normal, high or a number."""


@dataclass(frozen=True, kw_only=True)
class PoolStatus:
    """A resource pool."""

    entitlement_bytes: ByteSize | None
    """What its VMs should hold together; `null` before the first plan."""

    name: str
    """The name of the resource pool."""

    parent: str | None
    """The pool it lies in."""

    reservation_used_bytes: ByteSize
    """What is guaranteed to those within."""

    unreserved_bytes: ByteSize
    """What still could be."""


Power: TypeAlias = Literal["stopped", "starting", "running", "paused", "stopping", "unreadable"]
"""Whether a VM runs."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What went wrong, with the facts, and what to do about it."""

    code: ProblemCode
    """A word for programs."""

    details: dict[str, Any] | None
    """Figures for programs; what they are depends on the code."""

    hint: str | None
    """What to do about it, where the message does not say."""

    message: str
    """What went wrong, for people."""

    request_id: str | None
    """The request, as the header `x-request-id` names it; null in what is no answer to a request."""


ProblemCode: TypeAlias = Literal["bad-json", "bad-query", "bad-path", "bad-header", "bad-body", "bad-request", "not-signed-in", "bad-token", "not-allowed", "foreign-origin", "foreign-host", "no-such-vm", "no-such-pool", "no-such-setting", "no-such-cpu", "no-such-operation", "no-such-alarm", "no-such-alarm-rule", "no-such-token", "no-such-route", "wrong-method", "slow-body", "exists", "not-stopped", "not-running", "not-restarted", "paused", "pool-in-use", "unreadable", "bad-file", "operation-over", "not-cancellable", "cancelled", "no-action", "still-runs", "changed", "wrong-type", "large-body", "bad-name", "bad-spec", "bad-setting", "bad-guest", "bad-field", "bad-mode", "guest-file", "kept-from", "too-many", "too-many-followers", "too-many-operations", "too-many-requests", "too-many-refusals", "too-many-alarm-rules", "too-many-tokens", "shutting-down", "not-ready", "busy", "late", "no-memory", "no-swap", "unwritten", "not-kept", "locked", "io", "audit-log", "broken-invariant", "audit-undecided", "internal", "unknown"]
"""What went wrong, in a word for programs. More words may come with later hosts."""


@dataclass(frozen=True, kw_only=True)
class ReclaimBytes:
    """What is taken from a VM, or given back."""

    balloon_take_bytes: ByteSize
    """What its balloon is to give now."""

    balloon_target_bytes: ByteSize
    """The size its balloon is asked to have."""

    balloon_use: BalloonUse
    """What part its balloon has in this."""

    consumed_bytes: ByteSize
    """Machine memory it holds."""

    over_bytes: ByteSize
    """What of that is above its target."""

    price: float | None
    """What it pays for a page in shares; `null` if it holds nothing."""

    swap_target_bytes: ByteSize
    """The swap target: what is swapped, and what is to be taken now."""

    take_bytes: ByteSize
    """What is to be compressed and swapped now."""

    why: Why
    """Why memory is taken or not."""


class RestartVm(TypedDict, total=False):
    """How a VM is to be restarted."""

    deadline_seconds: int | None
    """How long its guest may take for that; null: as `VM.StopDeadline` has it."""

    force: bool
    """Whether it is reset if no agent answers in its guest, or the guest has not shut down in time. Otherwise it
    runs on, and the operation fails.
    """

    guest: bool
    """Whether its guest is asked to shut down first. Otherwise the VM is reset at once."""


RestartedFor: TypeAlias = Literal["asked", "guest-rebooted", "guest-failed"]
"""Why a VM was restarted."""


Role: TypeAlias = Literal["view", "operate", "administer"]
"""What somebody may do. Each may do what those before it may."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An advanced setting."""

    default: int
    """Its value unless changed."""

    least: int
    """The least value it takes."""

    meaning: str
    """What it does."""

    most: int
    """The greatest."""

    name: str
    """ESX's name for it."""

    unit: str
    """What the number counts; empty for a choice."""

    value: int
    """Its value."""


@dataclass(frozen=True, kw_only=True)
class SettingList:
    """A page of a list."""

    items: list[Setting]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


SettingsChange: TypeAlias = dict[str, int | None]
"""New values of settings, by name; null is a setting's default."""


Severity: TypeAlias = Literal["warning", "critical"]
"""How bad it is."""


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A shadow entry."""

    gfn: Hex
    """The guest page it was derived for."""

    global_: bool
    """Whether it serves every address space."""

    mfn: Hex
    """The frame it leads to."""

    permissions: str
    """r, w, x and u, a dash where something is not permitted."""

    stale: bool
    """Whether a fence came since, so that it is compared before use."""

    writes_pass: bool
    """Whether writes go through without the VMM."""


Shares: TypeAlias = Literal["low", "normal", "high"] | int
"""A level of shares, or their number."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A size before and after."""

    after_bytes: ByteSize
    """As it would be."""

    before_bytes: ByteSize
    """As it is."""


@dataclass(frozen=True, kw_only=True)
class SiblingShares:
    """The shares of a VM or a resource pool beside another."""

    is_pool: bool
    """Whether it is a resource pool, and not a VM."""

    name: str
    """Its name."""

    shares: int
    """Its number of shares."""


@dataclass(frozen=True, kw_only=True)
class Slowdown:
    """How much of its time a VM waits for memory. Fold it over seconds."""

    slowed: bool
    """Whether that is worth telling."""

    waits: float
    """Part of its vCPUs' time, averaged over some seconds."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """An address space of the guest."""

    asid: int
    """The address space's number."""

    mode: str
    """bare, sv39, sv48, sv57."""

    root_table_gfn: Hex
    """The page of the top-level table."""


@dataclass(frozen=True, kw_only=True)
class StateSeconds:
    """For how long the host has been in each state; adds up to how long it has been running."""

    clear: float
    """Pages are looked through for equal ones."""

    hard: float
    """Pages are compressed and swapped, too."""

    high: float
    """Nothing is taken from anybody."""

    low: float
    """VMs above their targets wait, too."""

    soft: float
    """Balloons are inflated."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Everything a VM counts."""

    cpus: list[Cpu]
    """Each vCPU."""

    devices: list[Device]
    """Each device."""

    hardware: dict[str, int]
    """Counted under two-stage walks."""

    mmu: str
    """automatic, software, hardware."""

    name: str
    """The VM."""

    pages: Pages
    """What its pages are."""

    reason: str
    """Why the technique in use is."""

    software: dict[str, int]
    """Counted under shadow page tables."""

    total: dict[str, int]
    """Both together."""

    uptime_seconds: int
    """How long it has been running."""


class StopVm(TypedDict, total=False):
    """How a VM is to be stopped."""

    deadline_seconds: int | None
    """How long its guest may take to shut down; null: as `VM.StopDeadline` has it."""

    force: bool
    """Whether it is powered off if no agent answers in its guest, or the guest has not shut down in time.
    Otherwise it runs on, and the operation fails.
    """

    now: bool
    """Whether it is powered off at once, without asking its guest to shut down."""


@dataclass(frozen=True, kw_only=True)
class StreamSnapshot:
    """What there is: the beginning of a stream, and what follows a gap in it. It may know already what the next
    events tell.
    """

    alarms: list[Alarm]
    """Every alarm, by number."""

    last_event: int
    """The number of the last event before it."""

    pools: list[Pool]
    """Every resource pool, by name."""

    settings: list[Setting]
    """Every setting, by name."""

    status: HostStatus
    """The host's memory."""

    vms: list[Vm]
    """Every VM, by name."""


@dataclass(frozen=True, kw_only=True)
class TestedActions:
    """How a rule's actions went."""

    command: ActionOutcome | None
    """Its command; `null` if it has none."""

    webhook: ActionOutcome | None
    """Its webhook; `null` if it has none."""


@dataclass(frozen=True, kw_only=True)
class ThresholdBytes:
    """Free memory at which states change."""

    clear_bytes: ByteSize
    """Below it: clear."""

    hard_bytes: ByteSize
    """Below it: hard."""

    high_bytes: ByteSize
    """What targets aim to have free."""

    low_bytes: ByteSize
    """Below it: low."""

    soft_bytes: ByteSize
    """Below it: soft. vSphere's reclamation threshold."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """What may be known of a token."""

    created_at_milliseconds: int
    """When it was made, in milliseconds since 1970."""

    expires_at_milliseconds: int | None
    """From when on it is not valid; null: it always is."""

    last_used_at_milliseconds: int | None
    """In which hour it was used last, by the hour's beginning; null: never."""

    name: str
    """What it is called, in the audit log too."""

    role: Role
    """What who has it may do."""


@dataclass(frozen=True, kw_only=True)
class TokenList:
    """A page of a list."""

    items: list[Token]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


class TokenSpec(TypedDict, total=False):
    """A token to be made."""

    lifetime_seconds: int | None
    """How long it is valid, in seconds; null: until it is removed."""

    name: Required[str]
    """What to call it: 1 to 40 letters, digits, `-`, `_` and `.`."""

    role: Required[Role]
    """What who has it may do."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What was counted of a VM since it was started: each number only grows, and begins anew with its next
    start.
    """

    broken_bytes: ByteSize
    """Shared and zero pages that were written, and got frames of their own."""

    compress_bytes: ByteSize
    """Compressed."""

    decompress_bytes: ByteSize
    """Decompressed."""

    first_written_bytes: ByteSize
    """Untouched pages that were written for the first time, or again after the guest gave them back."""

    idle_seconds: float
    """Time in which its vCPUs had nothing to do."""

    joined_bytes: ByteSize
    """Pages that joined others in a shared frame."""

    latency_seconds: float
    """Time spent waiting for decompression and swap-in."""

    popped_bytes: ByteSize
    """Ballooned pages that the guest used without asking for them back."""

    read_ahead_bytes: ByteSize
    """Of that, read because it follows on something that was wanted."""

    running_seconds: float
    """Its vCPUs' running time, all together. With the idle, latency and waiting time it is all the time they
    had.
    """

    scanned_bytes: ByteSize
    """Looked through for equal pages."""

    shoot_down_seconds: float
    """Time that took."""

    shoot_downs: int
    """Batches of pages whose translations were taken away from its processors."""

    swap_in_bytes: ByteSize
    """Read from the swap file, for use or ahead of it."""

    swap_out_bytes: ByteSize
    """Written to the swap file."""

    waiting_seconds: float
    """Time spent waiting for a frame."""

    waits: int
    """How often a frame was waited for."""

    watches_noticed: int
    """Uses of pages that were watched to see whether they are in use."""

    worker_seconds: float
    """Processor time that its devices' threads used. It is none of its vCPUs'; each thread has a twentieth of a
    processor for each vCPU at most.
    """

    zeroed_bytes: ByteSize
    """Pages that became zero pages because that is what they held."""


Trigger: TypeAlias = Literal["period", "change", "shortage", "progress"]
"""What called for a plan."""


@dataclass(frozen=True, kw_only=True)
class TypedIn:
    """How much of what was typed the guest's line took."""

    taken_bytes: ByteSize
    """So much, from the beginning."""


@dataclass(frozen=True, kw_only=True)
class Vm:
    """A VM and its memory."""

    agent_answers: bool | None
    """Whether an agent in its guest answered when it was last asked for something, so that the guest can be
    asked to shut down; null while one seems to be there and was not asked, and unless the VM runs.
    """

    append: str
    """The kernel's command line; `console=ttyS0` by default, so that the console shows what the guest says."""

    autostart: Autostart
    """Whether it starts with the host, where the host does that."""

    autostart_delay_seconds: int
    """Seconds that pass after it has started, before the next one's turn; 3600 at most."""

    autostart_order: int | None
    """Its turn among those that start with the host, the lowest first; null: after all that have one, by name."""

    balloon_max_bytes: ByteSize | None
    """How large its balloon may get; `Mem.CtlMaxPercent` of its memory by default. That of a guest which reports
    free memory holds a cushion of 1 to 4 MiB in any case.
    """

    cpus: int
    """vCPUs, 1 to 8."""

    ended: HowEnded | None
    """How it ended last."""

    id: int | None
    """Its number while it runs, as in events and the status."""

    initrd: str | None
    """A cpio archive, compressed or not; an absolute path on the host."""

    kernel: str
    """A RISC-V Linux `Image`, gzipped or not; an absolute path on the host."""

    limit_bytes: ByteSize | None
    """Machine memory never exceeded; none by default."""

    memory: VmStatus | None
    """Its memory as measured last; null unless it runs."""

    memory_bytes: ByteSize
    """Guest physical memory: whole MiB, 16 MiB to 256 GiB."""

    mmu: Mmu
    """How addresses are translated: automatic, software or hardware."""

    name: str
    """What people call it: 1 to 63 letters, digits, `-`, `_` and `.`, the first a letter or digit; neither
    `none` nor an MMU mode.
    """

    on_panic: Afterwards
    """What is done when its guest panics."""

    on_reboot: Afterwards
    """What is done when its guest reboots."""

    pool: str | None
    """The resource pool it lies in; the host itself by default."""

    power: Power
    """Whether it runs."""

    reason: str | None
    """Why, if it failed, or was stopped because its guest did not shut down; of one that is `unreadable`, what
    is wrong with its file.
    """

    reservation_bytes: ByteSize
    """Machine memory guaranteed; whole pages, at most the VM's memory."""

    salt: str | None
    """VMs with the same salt may share pages, as `Mem.ShareForceSalting` has it. Counts from power-on."""

    shares: Shares
    """Claim on scarce memory relative to siblings: low, normal, high or a number."""

    sharing: bool
    """Whether its pages are looked through for equal ones."""

    swap_dir: str | None
    """The directory of its swap file, an absolute path; the host's by default."""

    swap_failure: str | None
    """Why its swap file did not take what it was given, if that is so now."""

    trouble: str | None
    """What is wrong with its guest, in words: its kernel panicked, a vCPU makes no progress, its agent fell
    silent.
    """

    unwritten: str | None
    """Why the disk does not have yet whether it is wanted on, if that is so now."""

    uptime_seconds: float | None
    """How long it has been running, in seconds."""

    wanted_on: bool
    """Whether it is wanted on: it was started, and neither stopped since nor powered off by its guest."""

    zip: bool
    """Whether its pages are compressed before they are swapped, if `Mem.MemZipEnable` allows it."""


class VmChange(TypedDict, total=False):
    """Changes of a VM. Those of `memory_bytes`, `cpus`, `kernel`, `initrd`, `append` and `swap_dir` need it to
    be stopped; a new `salt` counts from its next start.
    """

    append: str | None
    """The kernel's command line."""

    autostart: Autostart | None
    """Whether it starts with the host."""

    autostart_delay_seconds: int | None
    """Seconds that pass after it has started, before the next one's turn."""

    autostart_order: int | None
    """Its turn among those that start with the host."""

    balloon_max_bytes: ByteSize | None
    """How large its balloon may get, but for its cushion."""

    cpus: int | None
    """vCPUs."""

    initrd: str | None
    """Its first file system."""

    kernel: str | None
    """The kernel."""

    limit_bytes: ByteSize | None
    """Machine memory never exceeded."""

    memory_bytes: ByteSize | None
    """Guest physical memory."""

    mmu: Mmu | None
    """How addresses are translated."""

    on_panic: Afterwards | None
    """What is done when its guest panics."""

    on_reboot: Afterwards | None
    """What is done when its guest reboots."""

    pool: str | None
    """The resource pool."""

    reservation_bytes: ByteSize | None
    """Machine memory guaranteed."""

    salt: str | None
    """Whom it may share pages with."""

    shares: Shares | None
    """Claim on scarce memory."""

    sharing: bool | None
    """Whether its pages are looked through for equal ones."""

    swap_dir: str | None
    """The directory of its swap file."""

    zip: bool | None
    """Whether its pages are compressed before they are swapped."""


@dataclass(frozen=True, kw_only=True)
class VmDecision:
    """What was decided about one VM, and why."""

    active_bytes: ByteSize
    """What it uses."""

    balloon_target_bytes: ByteSize
    """The size its balloon is asked to have."""

    balloon_use: BalloonUse
    """What part the balloon has in this."""

    ballooned_bytes: ByteSize
    """The size its balloon has."""

    bound: Bound
    """What decided the target."""

    consumed_bytes: ByteSize
    """What it holds."""

    price: float | None
    """What it pays for a page in shares; `null` if it holds nothing."""

    take_bytes: ByteSize
    """What is to be compressed and swapped now."""

    target_bytes: ByteSize
    """What it should hold at most."""

    vm: str
    """The name of the VM."""

    waits: bool
    """Whether it waits for every frame."""

    why: Why
    """Why memory is taken or not."""


@dataclass(frozen=True, kw_only=True)
class VmList:
    """A page of a list."""

    items: list[Vm]
    """What is on it, in order."""

    next: str | None
    """The `cursor` of the page that follows; null on the last."""


@dataclass(frozen=True, kw_only=True)
class VmShift:
    """What would be different for one VM."""

    balloon_target: Shift
    """What its balloon is asked to hold."""

    entitlement: Shift
    """What it should have."""

    name: str | None
    """Which one; a VM that is only imagined has no name."""

    swap_target: Shift
    """The swap target: what is swapped, and what is to be compressed or swapped at once."""

    worst_case: Shift
    """What it would have if all VMs used their whole size."""


class VmSpec(TypedDict, total=False):
    """A VM as it is asked to be."""

    append: str
    """The kernel's command line; `console=ttyS0` by default, so that the console shows what the guest says."""

    autostart: Autostart
    """Whether it starts with the host, where the host does that."""

    autostart_delay_seconds: int
    """Seconds that pass after it has started, before the next one's turn; 3600 at most."""

    autostart_order: int | None
    """Its turn among those that start with the host, the lowest first; null: after all that have one, by name."""

    balloon_max_bytes: ByteSize | None
    """How large its balloon may get; `Mem.CtlMaxPercent` of its memory by default. That of a guest which reports
    free memory holds a cushion of 1 to 4 MiB in any case.
    """

    cpus: int
    """vCPUs, 1 to 8."""

    initrd: str | None
    """A cpio archive, compressed or not; an absolute path on the host."""

    kernel: Required[str]
    """A RISC-V Linux `Image`, gzipped or not; an absolute path on the host."""

    limit_bytes: ByteSize | None
    """Machine memory never exceeded; none by default."""

    memory_bytes: Required[ByteSize]
    """Guest physical memory: whole MiB, 16 MiB to 256 GiB."""

    mmu: Mmu
    """How addresses are translated: automatic, software or hardware."""

    name: Required[str]
    """What people call it: 1 to 63 letters, digits, `-`, `_` and `.`, the first a letter or digit; neither
    `none` nor an MMU mode.
    """

    on_panic: Afterwards
    """What is done when its guest panics."""

    on_reboot: Afterwards
    """What is done when its guest reboots."""

    pool: str | None
    """The resource pool it lies in; the host itself by default."""

    reservation_bytes: ByteSize
    """Machine memory guaranteed; whole pages, at most the VM's memory."""

    salt: str | None
    """VMs with the same salt may share pages, as `Mem.ShareForceSalting` has it. Counts from power-on."""

    shares: Shares
    """Claim on scarce memory relative to siblings: low, normal, high or a number."""

    sharing: bool
    """Whether its pages are looked through for equal ones."""

    swap_dir: str | None
    """The directory of its swap file, an absolute path; the host's by default."""

    zip: bool
    """Whether its pages are compressed before they are swapped, if `Mem.MemZipEnable` allows it."""


@dataclass(frozen=True, kw_only=True)
class VmStatus:
    """A running VM."""

    active_bytes: ByteSize
    """Pages in use lately."""

    active_error: float | None
    """The standard error of `active_part`."""

    active_fast: float | None
    """The fast average of it."""

    active_next: float | None
    """The fast average if the sample ended now."""

    active_part: float | None
    """The part of its memory in use, and the error of that; `null` before the first sample has ended."""

    active_slow: float | None
    """The slow average of it."""

    active_write_bytes: ByteSize
    """Pages written lately."""

    allowance: Allowance | None
    """Whether it may take another frame at once."""

    balloon_conduct: Conduct
    """How its balloon's driver conducts itself."""

    balloon_max_bytes: ByteSize
    """How large its balloon may get."""

    balloon_target_bytes: ByteSize
    """What the balloon is asked to hold."""

    ballooned_bytes: ByteSize
    """Pages in the balloon."""

    bound: Bound | None
    """What decided its entitlement; `null` before the first plan."""

    compressed_bytes: ByteSize
    """Pages compressed."""

    compressed_bytes_per_second: ByteSize
    """Compressed in a second."""

    consumed_bytes: ByteSize
    """Machine memory they take, shared frames by part, and the zip store; overhead not included."""

    decompressed_bytes_per_second: ByteSize
    """Decompressed in a second."""

    entitlement_bytes: ByteSize
    """What it should hold at most when memory is short."""

    granted_bytes: ByteSize
    """Pages the guest can use without waiting."""

    guest: GuestState
    """How its guest is: `unknown` where no agent answers."""

    guest_available_bytes: ByteSize | None
    """What the guest says its programs could get; the same."""

    guest_free_bytes: ByteSize | None
    """What the guest says is free in it; null if it has not said so in the last minute, or more than it has."""

    guest_oom_kills: int | None
    """Programs that its guest killed since its kernel started because its memory ran out, as it says itself;
    null if it does not say.
    """

    guest_oom_kills_lately: int
    """How many of them in the last ten minutes."""

    id: int
    """Its number."""

    idle: float
    """The part of its vCPUs' time in which they had nothing to do."""

    latency: float
    """The part of its vCPUs' time spent waiting for decompression and swap-in, waits that go on included. A
    device that waits counts as long as a vCPU is idle meanwhile.
    """

    limit_bytes: ByteSize | None
    """What it never exceeds."""

    name: str
    """The name of the VM."""

    overhead_bytes: ByteSize
    """What is set aside for what it costs beyond its guest's memory: as measured, and a step for what it takes
    next.
    """

    overhead_reserved_bytes: ByteSize
    """The most that may become, which is reserved for it."""

    paused: bool
    """Whether it is paused."""

    pool: str | None
    """The resource pool it lies in."""

    private_bytes: ByteSize
    """Pages in frames of their own."""

    reservation_bytes: ByteSize
    """What is guaranteed to it."""

    running: float
    """The part of its vCPUs' time spent running in the second before, the host's work for them included. With
    `idle`, `latency` and `waiting` it adds up to 1; all are 0 before the VM has been measured.
    """

    scanned_bytes_per_second: ByteSize
    """Looked through for equal pages in a second."""

    shared_bytes: ByteSize
    """Pages shared, zero pages among them."""

    shared_common_bytes: ByteSize
    """Machine memory behind those that are not zeros. Exact for the host, and for a VM that shares pages with no
    other, as is the default; of what several VMs share, each one's part by number of pages: an estimate.
    """

    shares: int
    """Its number of shares."""

    size_bytes: ByteSize
    """Guest physical memory."""

    slowed: bool
    """Whether it spends so much of its time waiting for memory that it is slowed."""

    swap_failure: str | None
    """Why its swap file did not take what it was given, if that is so now."""

    swap_in_bytes_per_second: ByteSize
    """Read from the swap file in a second."""

    swap_out_bytes_per_second: ByteSize
    """Written to the swap file in a second."""

    swap_target_bytes: ByteSize
    """vSphere's *swap target*: what is swapped, and what is still to be taken by compressing and swapping. Above
    `swapped_bytes`: more will be swapped, unless it can be compressed; equal: no more will.
    """

    swapped_bytes: ByteSize
    """Pages swapped."""

    totals: Totals
    """What was counted since it was started."""

    untouched_bytes: ByteSize
    """Pages never used, or given back."""

    uptime_seconds: float
    """How long it has been running."""

    waiting: float
    """The part of its vCPUs' time spent waiting for a frame, likewise."""

    worst_case_bytes: ByteSize | None
    """What it would have if all VMs used their whole size."""

    zero_bytes: ByteSize
    """Zero pages."""

    zip_saved_bytes: ByteSize
    """Machine memory that compressing them saves."""

    zip_used_bytes: ByteSize
    """Machine memory that they take."""


@dataclass(frozen=True, kw_only=True)
class WalkStep:
    """One level of the guest's walk."""

    entry: Hex | None
    """Null if the table cannot be read."""

    index: int
    """Of the entry in the table."""

    letters: str | None
    """The entry's bits as letters, `dagu-xwrv` in the manual's order of significance."""

    level: int
    """Of the table; 0 is the last."""

    meaning: str
    """The entry in words."""

    table_gfn: Hex
    """The table's page."""


class AskedWebhook(TypedDict, total=False):
    """A server that is told of alarms, by a POST of JSON."""

    header: str | None
    """The header that the secret is sent in, `authorization` for example; `null` if there is none."""

    secret: str | None
    """The header's value. It is never shown. Left out in a change, it stays what it is if `url` and `header` do."""

    url: Required[str]
    """Where: `https://NAME/PATH`, or `http`."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A server that is told of alarms, by a POST of JSON."""

    header: str | None = None
    """The header that the secret is sent in, `authorization` for example; `null` if there is none."""

    secret: str | None = None
    """The header's value. It is never shown. Left out in a change, it stays what it is if `url` and `header` do."""

    url: str
    """Where: `https://NAME/PATH`, or `http`."""


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What would be different."""

    for_guests_after_bytes: ByteSize
    """As it would be."""

    for_guests_before_bytes: ByteSize
    """What there is for guests, as it is."""

    refusal: str | None
    """Why it would be refused, if it would; what follows is what would be if it was not."""

    state_after: HostState
    """The state as it would be."""

    state_before: HostState
    """The state as it is."""

    vms: list[VmShift]
    """The VMs for which something would be different."""


Why: TypeAlias = Literal["within-target", "host-not-short", "others-pay-less", "over-limit", "host-short"]
"""Why memory is taken from a VM, or not."""


VARIANTS: dict[type, tuple[str, dict[str, type]]] = {
    Event: (
        "event",
        {
            "host-opened": HostOpenedEvent,
            "host-exposed": HostExposedEvent,
            "host-shuts-down": HostShutsDownEvent,
            "vm-created": VmCreatedEvent,
            "vm-removed": VmRemovedEvent,
            "vm-started": VmStartedEvent,
            "vm-refused": VmRefusedEvent,
            "vm-paused": VmPausedEvent,
            "vm-resumed": VmResumedEvent,
            "vm-kept": VmKeptEvent,
            "vm-restarted": VmRestartedEvent,
            "autostart-failed": AutostartFailedEvent,
            "shutdown-requested": ShutdownRequestedEvent,
            "vm-ended": VmEndedEvent,
            "vm-trouble": VmTroubleEvent,
            "guest-panicked": GuestPanickedEvent,
            "guest-silent": GuestSilentEvent,
            "guest-answers": GuestAnswersEvent,
            "guest-oom-kills": GuestOomKillsEvent,
            "vm-slowed": VmSlowedEvent,
            "vm-not-slowed": VmNotSlowedEvent,
            "vm-changed": VmChangedEvent,
            "pool-created": PoolCreatedEvent,
            "pool-removed": PoolRemovedEvent,
            "pool-changed": PoolChangedEvent,
            "setting-changed": SettingChangedEvent,
            "planned": PlannedEvent,
            "reclaimed": ReclaimedEvent,
            "balloon-judged": BalloonJudgedEvent,
            "swap-failed": SwapFailedEvent,
            "swap-works": SwapWorksEvent,
            "swap-in-memory": SwapInMemoryEvent,
            "memory-stands-still": MemoryStandsStillEvent,
            "disk-silent": DiskSilentEvent,
            "disk-answers": DiskAnswersEvent,
            "memory-limit-low": MemoryLimitLowEvent,
            "memory-limit-fits": MemoryLimitFitsEvent,
            "loop-late": LoopLateEvent,
            "unswapped": UnswappedEvent,
            "alarm-raised": AlarmRaisedEvent,
            "alarm-eased": AlarmEasedEvent,
            "alarm-cleared": AlarmClearedEvent,
            "alarm-acknowledged": AlarmAcknowledgedEvent,
            "alarm-action-failed": AlarmActionFailedEvent,
            "alarm-rule-created": AlarmRuleCreatedEvent,
            "alarm-rule-changed": AlarmRuleChangedEvent,
            "alarm-rule-removed": AlarmRuleRemovedEvent,
            "file-trouble": FileTroubleEvent,
            "file-good": FileGoodEvent,
            "trouble": TroubleEvent,
            "internal-error": InternalErrorEvent,
            "audit-passed": AuditPassedEvent,
            "audit-failed": AuditFailedEvent,
        },
    ),
}
"""For each class that has some: the field that tells its variants apart, and the classes they are."""

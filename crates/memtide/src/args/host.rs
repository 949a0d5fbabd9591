//! The options of verbs that are about a host.

use super::{Document, DocumentFormat, List, Output, SizeOrPart, afterwards, in_bytes, mmu_mode};
use addr::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use model::Mmu;
use model::{Afterwards, Autostart, Shares};
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Args)]
pub(crate) struct Names {
    /// The VMs
    #[arg(value_name = "VM", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Document,
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" | "on" => Ok(true),
        "no" | "false" | "off" => Ok(false),
        _ => Err("write yes or no".to_owned()),
    }
}

fn whole_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("write a whole number, from 0 to {}", u64::MAX))
}

/// A number, or what it is unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NumberOrDefault(pub(crate) Option<u64>);

fn number_or_default(text: &str) -> Result<NumberOrDefault, String> {
    if text == "default" {
        Ok(NumberOrDefault(None))
    } else {
        whole_number(text).map(|n| NumberOrDefault(Some(n)))
    }
}

/// Something, or the word `none`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OrNone<T>(pub(crate) Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|value| Self(Some(value))) }
    }
}

/// What decides over memory, of VMs and resource pools alike.
#[derive(Args, Default)]
pub(crate) struct Controls {
    /// Machine memory guaranteed: 512MiB, or 50% of a VM's memory or, for a resource pool, of the host's
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) reservation: Option<SizeOrPart>,
    /// Machine memory never exceeded, likewise, or none
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) limit: Option<OrNone<SizeOrPart>>,
    /// Claim on scarce memory: low, normal, high or a number
    #[arg(long, value_name = "SHARES", allow_hyphen_values = true)]
    pub(crate) shares: Option<Shares>,
}

/// The same in bytes.
#[expect(clippy::option_option, reason = "said or not; then a limit or none")]
pub(crate) struct Decided {
    pub(crate) reservation: Option<ByteSize>,
    pub(crate) limit: Option<Option<ByteSize>>,
    pub(crate) shares: Option<Shares>,
}

impl Controls {
    /// Parts as what they are of a whole, which is asked for only if there are some.
    pub(crate) fn of<E>(self, whole: impl Fn() -> Result<ByteSize, E>) -> Result<Decided, E> {
        Ok(Decided {
            reservation: in_bytes(self.reservation, &whole)?,
            limit: self.limit.map(|OrNone(limit)| in_bytes(limit, &whole)).transpose()?,
            shares: self.shares,
        })
    }
}

/// What can be said of a VM, made or changed.
#[derive(Args)]
pub(crate) struct VmOptions {
    #[command(flatten)]
    pub(crate) controls: Controls,
    /// The resource pool it lies in, or none
    #[arg(long, value_name = "POOL")]
    pub(crate) pool: Option<OrNone<String>>,
    /// Guest memory
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) memory: Option<ByteSize>,
    /// Virtual processors, 1 to 8
    #[arg(long, value_name = "COUNT")]
    pub(crate) cpus: Option<u32>,
    /// How guest addresses are translated: automatic, software or hardware
    #[arg(long, value_name = "MODE", value_parser = mmu_mode())]
    pub(crate) mmu: Option<Mmu>,
    /// The initial file system, or none
    #[arg(long, value_name = "FILE")]
    pub(crate) initrd: Option<OrNone<PathBuf>>,
    /// The kernel's command line; a new VM's is console=ttyS0 if it is left out
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,
    /// How large its balloon may get, or what part of its memory, or none for what Mem.CtlMaxPercent says
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) balloon_max: Option<OrNone<SizeOrPart>>,
    /// Whether its pages are looked through for equal ones
    #[arg(long, value_name = "YES-OR-NO", value_parser = yes_or_no)]
    pub(crate) sharing: Option<bool>,
    /// Whether its pages are compressed before they are swapped
    #[arg(long, value_name = "YES-OR-NO", value_parser = yes_or_no)]
    pub(crate) zip: Option<bool>,
    /// VMs with the same salt may share pages; none: as Mem.ShareForceSalting has it
    #[arg(long, value_name = "TEXT")]
    pub(crate) salt: Option<OrNone<String>>,
    /// The directory of its swap file, or none for the host's
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) swap_dir: Option<OrNone<PathBuf>>,
    /// Whether it starts with the host: yes, no, or last: if it was on when the host ended
    #[arg(long, value_name = "WHEN", value_parser = autostart())]
    pub(crate) autostart: Option<Autostart>,
    /// Its turn among those that start with the host, or none: after all that have one
    #[arg(long, value_name = "NUMBER")]
    pub(crate) autostart_order: Option<OrNone<u32>>,
    /// How long to wait after it has started, before the next one's turn, such as 30s; at most 1h
    #[arg(long, value_name = "TIME", value_parser = delay)]
    pub(crate) autostart_delay: Option<u32>,
    /// What is done when its guest reboots: restart, stop, or keep: paused, to be looked at
    #[arg(long, value_name = "ACTION", value_parser = afterwards())]
    pub(crate) on_reboot: Option<Afterwards>,
    /// What is done when its guest panics: restart, stop, or keep: as it is
    #[arg(long, value_name = "ACTION", value_parser = afterwards())]
    pub(crate) on_panic: Option<Afterwards>,
}

fn delay(text: &str) -> Result<u32, String> {
    u32::try_from(super::seconds(text)?).map_err(|_| format!("'{text}' is too long: 1h at most"))
}

fn autostart() -> impl TypedValueParser<Value = Autostart> {
    PossibleValuesParser::new(["yes", "no", "last"]).try_map(|text| text.parse::<Autostart>())
}

/// Create a VM on the host, stopped
#[derive(Args)]
pub(crate) struct Create {
    /// What to call it
    pub(crate) name: String,
    /// The kernel: a RISC-V Linux Image, gzipped or not
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: PathBuf,
    #[command(flatten)]
    pub(crate) options: VmOptions,
    /// Start it as well
    #[arg(long)]
    pub(crate) start: bool,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Create a VM with the settings of another, stopped
///
/// The new VM has everything that the other was created with or changed to; nothing of its memory, which belongs to its guest.
#[derive(Args)]
pub(crate) struct CloneVm {
    /// The VM to take the settings of
    #[arg(value_name = "VM")]
    pub(crate) source: String,
    /// The name of the new VM
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Create or change VMs and resource pools as a file says
///
/// The file has what 'info', 'ls' and 'pool ls' print with -o yaml or -o json, or only the fields that matter. Applied again, the
/// same file changes nothing. VMs and pools that the file does not have stay as they are, and nothing is started or stopped.
#[derive(Args)]
pub(crate) struct Apply {
    /// The file, YAML or JSON; - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show what would be created and changed, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Change a VM of the host
///
/// Memory, CPUs, kernel, initrd, command line and swap directory need it to be stopped; all else works while it runs.
#[derive(Args)]
pub(crate) struct Set {
    /// The VM
    #[arg(value_name = "VM")]
    pub(crate) name: String,
    /// The kernel
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: VmOptions,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Stop VMs: have their guests shut down, and power off those that do not
///
/// A guest is asked through its agent (qemu-guest-agent, or another that speaks its protocol). One that cannot be asked is
/// powered off, and so is one that has not shut down by the deadline. A VM in the foreground ends at once.
#[derive(Args)]
pub(crate) struct Stop {
    /// The VMs
    #[arg(value_name = "VM")]
    pub(crate) names: Vec<String>,
    /// Power them off at once, without asking their guests
    #[arg(long, conflicts_with_all = ["deadline", "no_force"])]
    pub(crate) now: bool,
    /// How long a guest may take to shut down, such as 30s or 5min [default: VM.StopDeadline, a setting]
    #[arg(long, value_name = "TIME", value_parser = deadline)]
    pub(crate) deadline: Option<u16>,
    /// Power none off: what cannot be asked, or does not shut down in time, runs on, and that is an error
    #[arg(long)]
    pub(crate) no_force: bool,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Restart VMs of the host: reset them, or have their guests shut down first
///
/// A restarted VM keeps its number, its console, and what is reserved for it; its guest is loaded anew.
#[derive(Args)]
pub(crate) struct Restart {
    /// The VMs
    #[arg(value_name = "VM", required = true)]
    pub(crate) names: Vec<String>,
    /// Have the guest shut down first, as 'memtide stop' does; what cannot be asked, or does not end in time, is reset
    #[arg(long)]
    pub(crate) guest: bool,
    /// How long a guest may take to shut down, such as 30s or 5min [default: VM.StopDeadline, a setting]
    #[arg(long, value_name = "TIME", value_parser = deadline, requires = "guest")]
    pub(crate) deadline: Option<u16>,
    /// Reset none whose guest does not shut down: it runs on, and that is an error
    #[arg(long, requires = "guest")]
    pub(crate) no_force: bool,
    #[command(flatten)]
    pub(crate) output: Document,
}

fn deadline(text: &str) -> Result<u16, String> {
    let seconds = super::seconds(text)?;
    u16::try_from(seconds).map_err(|_| format!("'{text}' is too long: {} s at most", u16::MAX))
}

/// Show what a VM of the host says, and type to it
///
/// Ctrl-] leaves. If the input is no terminal, its bytes go to the guest. As JSON, it is an object per line with what was
/// said and the number of its first byte.
#[derive(Args)]
pub(crate) struct Console {
    /// The VM
    #[arg(value_name = "VM")]
    pub(crate) name: Option<String>,
    /// Type the input, print what was said so far and end; a terminal is not read
    #[arg(long)]
    pub(crate) no_follow: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Say what would be different if, without touching anything
#[derive(Args)]
pub(crate) struct Plan {
    #[command(subcommand)]
    pub(crate) edit: Imagined,
    /// table for people, json and yaml for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "table", global = true)]
    pub(crate) output: DocumentFormat,
}

#[derive(Subcommand)]
pub(crate) enum Imagined {
    /// If a running VM had other controls
    Set {
        /// The VM
        #[arg(value_name = "VM")]
        name: String,
        #[command(flatten)]
        controls: Controls,
    },
    /// If one more VM ran
    Add {
        /// Its memory
        #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
        memory: ByteSize,
        /// What it would use, a size or a part of its memory [default: all of it]
        #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
        used: Option<SizeOrPart>,
        /// The resource pool it would lie in
        #[arg(long, value_name = "POOL")]
        pool: Option<String>,
        /// Machine memory guaranteed, a size or a part of its memory
        #[arg(long, value_name = "SIZE", default_value = "0", allow_hyphen_values = true)]
        reservation: SizeOrPart,
        /// Claim on scarce memory: low, normal, high or a number
        #[arg(long, value_name = "SHARES", default_value = "normal")]
        shares: Shares,
    },
    /// If a running VM did not run
    Stop {
        /// The VM
        #[arg(value_name = "VM")]
        name: String,
    },
    /// If a setting had another value
    Setting {
        /// The setting
        #[arg(value_name = "SETTING")]
        name: String,
        /// Its value
        #[arg(allow_hyphen_values = true, value_parser = whole_number)]
        value: u64,
    },
}

/// What can be said of a resource pool, made or changed.
#[derive(Args)]
pub(crate) struct PoolControls {
    #[command(flatten)]
    pub(crate) controls: Controls,
    /// The pool it lies in, or none
    #[arg(long, value_name = "POOL")]
    pub(crate) parent: Option<OrNone<String>>,
    /// Whether reservations within may take from the parent what its own lacks
    #[arg(long, value_name = "YES-OR-NO", value_parser = yes_or_no)]
    pub(crate) expandable: Option<bool>,
    /// Whether the pool's shares scale with those of its members (default: yes)
    #[arg(long, value_name = "YES-OR-NO", value_parser = yes_or_no)]
    pub(crate) scalable_shares: Option<bool>,
}

#[derive(Subcommand)]
pub(crate) enum Pool {
    /// Make a resource pool
    Create {
        /// What to call it
        name: String,
        #[command(flatten)]
        controls: PoolControls,
        #[command(flatten)]
        output: Document,
    },
    /// Change a resource pool
    Set {
        /// The pool
        #[arg(value_name = "POOL")]
        name: String,
        #[command(flatten)]
        controls: PoolControls,
        #[command(flatten)]
        output: Document,
    },
    /// Remove an empty resource pool
    Rm {
        /// The pool
        #[arg(value_name = "POOL")]
        name: String,
        #[command(flatten)]
        output: Document,
    },
    /// List the resource pools
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        list: List,
    },
    /// Show a resource pool
    Show {
        /// The pool
        #[arg(value_name = "POOL")]
        name: String,
        #[command(flatten)]
        output: Document,
    },
}

/// Show or change the host's advanced settings
#[derive(Args)]
pub(crate) struct Settings {
    /// Only this one, such as Mem.IdleTax
    #[arg(value_name = "SETTING")]
    pub(crate) name: Option<String>,
    /// Its new value, or default
    #[arg(allow_hyphen_values = true, value_parser = number_or_default)]
    pub(crate) value: Option<NumberOrDefault>,
    #[command(flatten)]
    pub(crate) list: List,
}

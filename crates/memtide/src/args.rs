//! The command line: `run`, and the verbs that look into VMs. Those of the host have their options in `host`.

mod alarms;
mod daemon;
mod history;
mod host;
mod output;
mod size;
mod token;
mod top;

pub(crate) use daemon::{Deadline, Host, Listen, LogFormat, LogLevel, Options, SandboxMode, word};
pub(crate) use history::{AuditLog, Events, Operation};
pub(crate) use host::{
    Apply, CloneVm, Console, Controls, Create, Decided, Imagined, Names, NumberOrDefault, OrNone, Plan, Pool,
    PoolControls, Restart, Set, Settings, Stop, VmOptions,
};

pub(crate) use alarms::{Alarms, Levels, Rules, SetRule};
pub(crate) use output::{Document, DocumentFormat, Format, List, ListFormat, Output};
pub(crate) use size::{SizeOrPart, in_bytes};
pub(crate) use token::{Token, TokenCreate, seconds};
pub(crate) use top::{Top, TopFormat};

use crate::{completion, list, manual};
use addr::{ByteSize, Gva};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ColorChoice, Command, CommandFactory, Parser, Subcommand, ValueEnum};
use model::Afterwards;
use model::{Mmu, VmSpec};
use std::path::PathBuf;

/// Runs virtual machines on virtualized memory, and shows how that memory is used.
///
/// 'memtide host' runs a host of VMs that share its memory, for which most other verbs are. 'memtide run' runs a
/// single VM in the foreground. A size is a number and a unit: 512MiB, 2GiB; 2G means 2GiB. Every VM is known by its
/// name; verbs that show one do without it where one VM is running.
#[derive(Parser)]
#[command(name = "memtide", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) asked: AskedHost,
    /// When to colour: auto is on a terminal, unless `$NO_COLOR` is set
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, help_heading = EVERY_VERB)]
    pub(crate) color: ColorChoice,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What options that every verb takes are listed under.
const EVERY_VERB: &str = "Options of every verb";

/// Which host is asked, and what it takes to be let in.
#[derive(Args, Default)]
#[command(next_help_heading = EVERY_VERB)]
pub(crate) struct AskedHost {
    /// The host to ask: unix:PATH, https://NAME:PORT or, on this machine, http://localhost:PORT
    /// [default: `$MEMTIDE_HOST`, or host.socket where the sockets of VMs are]
    #[arg(long = "host", value_name = "ADDRESS", global = true)]
    pub(crate) host: Option<String>,
    /// The token for a host asked over TCP; who lists processes sees it, unlike what is in the environment
    /// [default: `$MEMTIDE_TOKEN`]
    #[arg(long, value_name = "TOKEN", global = true)]
    pub(crate) token: Option<String>,
    /// The fingerprint of the host's certificate, as it prints it [default: `$MEMTIDE_FINGERPRINT`, or
    /// whoever this machine trusts has to vouch for it]
    #[arg(long, value_name = "SHA256", global = true)]
    pub(crate) fingerprint: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    Host(Host),
    Run(Run),
    Create(Box<Create>),
    Clone(CloneVm),
    Apply(Apply),
    /// Start VMs of the host; a VM that runs already stays as it is
    Start(Names),
    Stop(Stop),
    Restart(Restart),
    /// Pause VMs of the host: their processors stand still, their memory stays
    ///
    /// What is reserved for a paused VM stays reserved, and its memory may be compressed and swapped like any other's. Its clock stands still, too.
    Pause(Names),
    /// Resume paused VMs of the host
    Resume(Names),
    /// Remove stopped VMs of the host
    #[command(visible_alias = "delete")]
    Rm(Names),
    /// List the VMs: the host's, and those in the foreground
    #[command(visible_aliases = ["list", "ps"])]
    Ls {
        #[command(flatten)]
        list: List,
    },
    /// Show a VM: its settings and how it is doing
    #[command(visible_alias = "show")]
    Info {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        #[command(flatten)]
        output: Document,
    },
    Set(Box<Set>),
    Console(Console),
    Events(Events),
    #[command(subcommand)]
    Alarms(Alarms),
    Top(Top),
    /// Say why a VM of the host holds the memory it holds, and what would change it
    Explain {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        #[command(flatten)]
        output: Document,
    },
    Plan(Plan),
    /// Bring back what of a VM is compressed and swapped, as far as memory is free
    Unswap {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        #[command(flatten)]
        output: Document,
    },
    /// Make, change and list resource pools: groups of VMs with a reservation, a limit and shares in common
    #[command(subcommand)]
    Pool(Pool),
    Settings(Settings),
    /// List, show and cancel operations: long work that the host does
    #[command(subcommand, visible_alias = "operations")]
    Operation(Operation),
    AuditLog(AuditLog),
    /// Make, list and remove tokens: what a host that is asked over TCP wants to see
    #[command(subcommand)]
    Token(Token),
    /// Say who the host takes one for, and what one may do
    Whoami {
        #[command(flatten)]
        output: Document,
    },
    Api(Api),
    Map(Map),
    /// Show what a VM did under each technique of its MMU
    ///
    /// Counts start when the VM does. Each is booked to the technique that was in use: software is shadow page
    /// tables, hardware is two-stage walks.
    Stats {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        /// Show them again and again, with so many seconds between; json is an object per line then, yaml a document
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
        watch: Option<u64>,
        #[command(flatten)]
        output: Document,
    },
    /// Show or change how a running VM's addresses are translated
    Mmu {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        /// automatic, software or hardware; without it the mode in use is shown
        mode: Option<String>,
        #[command(flatten)]
        output: Document,
    },
    /// Move pages of a running VM to other machine frames, unnoticed by its guest
    Move {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        /// How many pages at most
        #[arg(long, default_value_t = 1024)]
        pages: u64,
        #[command(flatten)]
        output: Document,
    },
    /// Check the invariants of a VM's memory and of its processors' caches
    ///
    /// Without a name, where a host runs: those of the host and all its VMs.
    Audit {
        /// The VM
        #[arg(value_name = "VM")]
        name: Option<String>,
        #[command(flatten)]
        output: Document,
    },
    /// Print what makes a shell complete command lines of memtide, names of VMs and all
    ///
    /// For bash: source it, or write it to `/etc/bash_completion.d/memtide`. For zsh: to a file `_memtide` in a directory of
    /// `$fpath`. For fish: to `~/.config/fish/completions/memtide.fish`.
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages
    #[command(hide = true)]
    Man {
        /// The directory for them
        #[arg(long, value_name = "DIRECTORY")]
        dir: PathBuf,
    },
}

/// A shell that can be told how command lines are completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The command line, with what is said and completed that the types alone do not know.
pub(crate) fn command() -> Command {
    let command = list::attach(Arguments::command(), &[]);
    completion::attach(manual::attach(command))
}

/// Run a VM in the foreground, its serial console on the terminal
///
/// Ctrl-] leads to a monitor: info, map, stats, mmu, move, audit, stop. If the input is no terminal, its bytes
/// go to the guest, and its end is merely the end of the input.
#[derive(Args)]
pub(crate) struct Run {
    /// The kernel: a RISC-V Linux Image, gzipped or not
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: PathBuf,
    /// The initial file system
    #[arg(long, value_name = "FILE")]
    pub(crate) initrd: Option<PathBuf>,
    /// The kernel's command line
    #[arg(long, value_name = "TEXT", default_value = VmSpec::COMMAND_LINE, allow_hyphen_values = true)]
    pub(crate) append: String,
    /// Guest memory
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, default_value = "512MiB")]
    pub(crate) memory: ByteSize,
    /// Virtual processors, 1 to 8
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) cpus: u32,
    /// How guest addresses are translated: shadow page tables (software), two-stage walks (hardware), or
    /// whichever costs this guest less as measured (automatic)
    #[arg(long, value_name = "MODE", default_value = "automatic", value_parser = mmu_mode())]
    pub(crate) mmu: Mmu,
    /// Machine memory to take the guest's pages from [default: the guest's memory and a sixteenth, at most
    /// 64 MiB, so that pages can be moved]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) machine_memory: Option<ByteSize>,
    /// What to call the VM [default: the first free of vm1, vm2, ...]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What the kernel lets the program do
    #[arg(long, value_name = "MODE", default_value = "on")]
    pub(crate) sandbox: SandboxMode,
    /// What is done when the guest reboots: restart runs it anew, stop ends the program, keep leaves the VM as it is, to be looked at
    #[arg(long, value_name = "ACTION", default_value = "restart", value_parser = afterwards())]
    pub(crate) on_reboot: Afterwards,
    /// Give Ctrl-] to the guest like any other key
    #[arg(long)]
    pub(crate) no_monitor: bool,
}

/// Ask the host's REST interface for anything, and print the answer
///
/// /v1/openapi.json names all there is. Whoever is let in as for all other verbs, what is asked is up to them.
#[derive(Args)]
pub(crate) struct Api {
    /// What to ask for: /v1/vms?power=running, say
    pub(crate) path: String,
    /// GET, POST, PATCH or DELETE [default: GET, or POST with --data]
    #[arg(long, short = 'X', value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// JSON to send along; - reads it from standard input
    #[arg(long, short, value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Show how a VM's memory is mapped
///
/// With an address: each level of the guest's page table walk, the guest page, its machine frame and the shadow
/// entry. Without: what the VM's pages are, and a picture of guest virtual -> guest physical -> machine. If no VM
/// is named, all running ones are drawn side by side.
#[derive(Args)]
pub(crate) struct Map {
    /// The VMs
    #[arg(value_name = "VM")]
    pub(crate) names: Vec<String>,
    /// A guest virtual address, in hexadecimal
    #[arg(long, value_name = "ADDRESS", value_parser = parse_gva)]
    pub(crate) address: Option<Gva>,
    /// The virtual processor whose address space is shown
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) cpu: usize,
    /// Write the picture to this file, as SVG
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    pub(crate) svg: Option<PathBuf>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    #[command(flatten)]
    pub(crate) output: Document,
}

fn afterwards() -> impl TypedValueParser<Value = Afterwards> {
    PossibleValuesParser::new(["restart", "stop", "keep"]).try_map(|text| text.parse::<Afterwards>())
}

fn mmu_mode() -> impl TypedValueParser<Value = Mmu> {
    PossibleValuesParser::new(["automatic", "software", "hardware"]).try_map(|text| text.parse::<Mmu>())
}

/// Reads an address as people copy it: hexadecimal, with or without `0x`.
pub(crate) fn parse_gva(text: &str) -> Result<Gva, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(&digits.replace('_', ""), 16).map(Gva).map_err(|_| {
        format!("'{text}' is no address: write it in hexadecimal, for example 0xffffffff80000000")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn addresses_are_hexadecimal() {
        assert_eq!(parse_gva("0xffff_0000"), Ok(Gva(0xffff_0000)));
        assert_eq!(parse_gva("10"), Ok(Gva(16)));
        assert!(parse_gva("zz").is_err());
        assert!(parse_gva("0x1ffffffffffffffff").is_err());
    }
}

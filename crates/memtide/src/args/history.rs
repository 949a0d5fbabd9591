//! The options of verbs about what happened, and what goes on: events, operations, the audit log.

use super::{Document, List, seconds};
use clap::{Args, Subcommand};

/// Show what happened on the host, and why
///
/// As a table without --columns, each event is a line with all that is known about it, a plan's VMs beneath.
#[derive(Args)]
pub(crate) struct Events {
    /// Go on with those to come
    #[arg(short, long, conflicts_with = "sort")]
    pub(crate) follow: bool,
    /// The memory loop's decisions, too: plans that leave the state as it is, and what was taken for them
    #[arg(short, long)]
    pub(crate) decisions: bool,
    /// Only those numbered above this
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) since: u64,
    /// Only those of the last so long: 90s, 10min, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) last: Option<u64>,
    /// Only those about a VM
    #[arg(long, value_name = "VM")]
    pub(crate) vm: Option<String>,
    /// Only those of a kind, such as vm-started
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Option<String>,
    /// Only those that say this, in any case
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) list: List,
}

/// Show who changed what on the host, or was refused it, the last first
///
/// Not to be confused with 'memtide audit', which checks invariants.
#[derive(Args)]
pub(crate) struct AuditLog {
    /// How many at most
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    #[command(flatten)]
    pub(crate) list: List,
}

#[derive(Subcommand)]
pub(crate) enum Operation {
    /// List operations: those that go on, and the last that have ended
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        list: List,
    },
    /// Show how an operation is going
    Show {
        /// Its number
        #[arg(value_name = "OPERATION")]
        id: u64,
        #[command(flatten)]
        output: Document,
    },
    /// Cancel an operation
    ///
    /// A start then ends as a stop, an unswap keeps what is back already. Stopping cannot be cancelled.
    Cancel {
        /// Its number
        #[arg(value_name = "OPERATION")]
        id: u64,
        #[command(flatten)]
        output: Document,
    },
}

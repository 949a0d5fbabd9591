//! The options of `memtide top`.

use clap::{Args, ValueEnum};

/// Show how the host's memory is divided, live
///
/// On a terminal: a screen that follows the host, with its own help under '?'. Elsewhere, or with --batch, one report after
/// the other; --output csv and json are for programs.
#[derive(Args)]
pub(crate) struct Top {
    /// Seconds between two reports
    #[arg(short = 'd', long, visible_alias = "delay", value_name = "SECONDS", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,
    /// How many reports [default: without end]
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
    /// One report after the other, also on a terminal
    #[arg(short, long)]
    pub(crate) batch: bool,
    /// table for people; csv: a row for each VM and time, a header first; json: an object per line. Sizes are in bytes
    /// in both of these
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: TopFormat,
}

/// How `top` reports.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TopFormat {
    Table,
    Csv,
    Json,
}

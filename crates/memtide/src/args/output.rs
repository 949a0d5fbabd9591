//! In which format verbs answer, and what of a list is wanted.

use clap::{Args, ValueEnum};

/// Of what goes on: line by line.
#[derive(Args, Clone, Copy)]
pub(crate) struct Output {
    /// table for people, json for programs, an object per line: sizes in bytes, addresses in hexadecimal, null for unknown;
    /// later versions may add fields
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[value(help = "for people")]
    Table,
    #[value(help = "for programs")]
    Json,
}

/// Of one thing.
#[derive(Args, Clone, Copy)]
pub(crate) struct Document {
    /// table for people, json and yaml for programs: sizes in bytes, addresses in hexadecimal, null for unknown; later
    /// versions may add fields
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: DocumentFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    #[value(help = "for people")]
    Table,
    #[value(help = "for programs")]
    Json,
    #[value(help = "the same, as YAML")]
    Yaml,
}

/// Of a list.
#[derive(Args, Clone)]
pub(crate) struct List {
    /// The format. Sizes are rounded in table and wide, and in bytes in all others; later versions may add columns and fields
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ListFormat,
    /// Which columns, in this order, of table, wide or csv
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// By which column to sort, or columns; with a minus in front in falling order (--sort=-COLUMN)
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) sort: Vec<String>,
    /// Only rows for which conditions hold: 'swapped>0,name~web'. They compare a column by = != > >= < <= with a value, or none,
    /// or by ~ and !~ with a part of what is shown
    #[arg(long, value_name = "CONDITIONS", value_delimiter = ',')]
    pub(crate) filter: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ListFormat {
    #[value(help = "for people")]
    Table,
    #[value(help = "with more columns")]
    Wide,
    #[value(help = "for programs: all there is")]
    Json,
    #[value(help = "the same, as YAML")]
    Yaml,
    #[value(help = "for spreadsheets: all columns")]
    Csv,
    #[value(help = "a name per line")]
    Name,
}

//! Lists: what their columns are, and which of their rows and columns are wanted, in which order, in which format.
//!
//! **Model.** A [`Table`] is data: its columns, each with a name and how a row gives its value. Everything else follows from
//! that: titles, alignment, the head of CSV, what `--sort` and `--filter` compare, what `--help` lists.
//!
//! ```text
//!   --columns, --sort, --filter --> Table::choose --> Chosen::print(rows) --> one of ListFormat
//! ```
//!
//! **Failure.** What is asked of columns is checked before anybody is asked for rows.

mod filter;
mod help;
mod order;
mod show;
pub(crate) mod tables;
mod time;
pub(crate) mod vms;

pub(crate) use help::attach;
pub(crate) use time::date_time;

use crate::args::{List, ListFormat};
use crate::error::{Error, USAGE};
use crate::view::{Align, lay_out, uptime};
use addr::ByteSize;
use filter::Condition;
use order::order;
use std::cmp::Ordering;

/// How a row gives a column its value; `None` is unknown, or none.
pub(crate) enum Value<T: 'static> {
    Text(fn(&T) -> Option<String>),
    Count(fn(&T) -> Option<u64>),
    /// Bytes.
    Size(fn(&T) -> Option<u64>),
    /// Seconds.
    Duration(fn(&T) -> Option<u64>),
    /// Milliseconds since 1970.
    Time(fn(&T) -> Option<u64>),
    /// From 0 to 1.
    Part(fn(&T) -> Option<f64>),
    YesNo(fn(&T) -> bool),
}

/// A column of a list of `T`.
pub(crate) struct Column<T: 'static> {
    /// What options call it. Its title is the same in capitals.
    name: &'static str,
    value: Value<T>,
    /// Shown only in wide tables, or if it is asked for.
    wide: bool,
    /// What people see where there is no value.
    none: &'static str,
}

impl<T> Column<T> {
    pub(crate) const fn new(name: &'static str, value: Value<T>) -> Self {
        Self { name, value, wide: false, none: "-" }
    }

    fn cell(&self, row: &T) -> Cell {
        match &self.value {
            Value::Text(of) => of(row).map(Cell::Text),
            Value::Count(of) => of(row).map(Cell::Count),
            Value::Size(of) => of(row).map(Cell::Size),
            Value::Duration(of) => of(row).map(Cell::Duration),
            Value::Time(of) => of(row).map(Cell::Time),
            Value::Part(of) => of(row).map(Cell::Part),
            Value::YesNo(of) => Some(Cell::YesNo(of(row))),
        }
        .unwrap_or(Cell::Nothing)
    }

    /// For people.
    fn shown(&self, row: &T) -> String {
        match self.cell(row) {
            Cell::Nothing => self.none.to_owned(),
            Cell::Text(text) => text,
            Cell::Count(count) => count.to_string(),
            Cell::Size(bytes) => ByteSize(bytes).to_string(),
            Cell::Duration(seconds) => uptime(seconds),
            Cell::Time(at) => date_time(at),
            Cell::Part(part) => format!("{:.1} %", part * 100.0),
            Cell::YesNo(yes) => yes_or_no(yes).to_owned(),
        }
    }
}

/// A column that is only in wide tables, or if it is asked for.
const fn wide<T>(mut column: Column<T>) -> Column<T> {
    column.wide = true;
    column
}

/// A column in which people see something else than `-` where there is no value.
const fn or<T>(none: &'static str, mut column: Column<T>) -> Column<T> {
    column.none = none;
    column
}

const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// A row's value in a column.
#[derive(Clone, PartialEq, Debug)]
enum Cell {
    Nothing,
    Text(String),
    Count(u64),
    Size(u64),
    Duration(u64),
    Time(u64),
    Part(f64),
    YesNo(bool),
}

/// A kind of list.
pub(crate) struct Table<T: 'static> {
    /// Which column rows are called by.
    pub(crate) key: usize,
    pub(crate) columns: &'static [Column<T>],
}

/// A column's name, and whether it is only in wide tables.
pub(crate) type Named = (&'static str, bool);

impl<T> Table<T> {
    /// All columns, for help.
    fn names(&self) -> Vec<Named> {
        self.columns.iter().map(|column| (column.name, column.wide)).collect()
    }

    /// One row, a line for each column that has a value.
    pub(crate) fn facts(&self, row: &T) -> String {
        let known =
            self.columns.iter().filter(|column| column.none != "-" || column.cell(row) != Cell::Nothing);
        let lines: Vec<_> =
            known.map(|column| vec![column.name.replace('-', " "), column.shown(row)]).collect();
        lay_out(&[Align::Left; 2], &lines)
    }

    /// The column that is meant: in any case, with `-`, `_` or spaces, with its unit as CSV has it or without.
    fn find(&self, name: &str) -> Result<&'static Column<T>, Error> {
        let wanted = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        let wanted = wanted.strip_suffix("-bytes").or(wanted.strip_suffix("-seconds")).unwrap_or(&wanted);
        self.columns.iter().find(|column| column.name == wanted).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
            usage(format!("there is no column '{name}'"), format!("there are {}", names.join(", ")))
        })
    }

    /// What is wanted of the list.
    ///
    /// # Errors
    /// If there is no such column, or what is asked cannot be of that format.
    pub(crate) fn choose(&self, args: &List) -> Result<Chosen<T>, Error> {
        let of_columns = matches!(args.output, ListFormat::Table | ListFormat::Wide | ListFormat::Csv);
        if !of_columns && !args.columns.is_empty() {
            return Err(usage(
                "--columns is for formats that have columns",
                "-o takes table, wide and csv then",
            ));
        }
        let columns = if args.columns.is_empty() {
            let all = args.output != ListFormat::Table;
            self.columns.iter().filter(|column| all || !column.wide).collect()
        } else {
            args.columns.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?
        };
        let sort = args.sort.iter().map(|name| match name.strip_prefix('-') {
            Some(name) => Ok((self.find(name)?, true)),
            None => Ok((self.find(name)?, false)),
        });
        Ok(Chosen {
            format: args.output,
            name: &self.columns[self.key],
            columns,
            sort: sort.collect::<Result<_, Error>>()?,
            conditions: args
                .filter
                .iter()
                .map(|text| Condition::parse(self, text))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn usage(what: impl std::fmt::Display, hint: impl std::fmt::Display) -> Error {
    Error::new(what).hint(hint).status(USAGE)
}

/// What is wanted of a list.
pub(crate) struct Chosen<T: 'static> {
    pub(crate) format: ListFormat,
    /// The column that rows are called by.
    name: &'static Column<T>,
    columns: Vec<&'static Column<T>>,
    /// By which columns, the most important first, and whether in falling order.
    sort: Vec<(&'static Column<T>, bool)>,
    conditions: Vec<Condition<T>>,
}

impl<T> Chosen<T> {
    /// Whether a row is wanted.
    pub(crate) fn takes(&self, row: &T) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    /// The rows wanted, in order.
    pub(crate) fn select(&self, rows: Vec<T>) -> Vec<T> {
        let mut rows: Vec<T> = rows.into_iter().filter(|row| self.takes(row)).collect();
        rows.sort_by(|a, b| {
            let orders =
                self.sort.iter().map(|(column, falling)| order(&column.cell(a), &column.cell(b), *falling));
            orders.fold(Ordering::Equal, Ordering::then)
        });
        rows
    }
}

#[cfg(test)]
mod tests;

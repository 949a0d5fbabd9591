//! Lists in each format.

use super::{Cell, Chosen, Column, Value, date_time, yes_or_no};
use crate::args::ListFormat;
use crate::color::{BOLD, PLAIN};
use crate::error::Error;
use crate::print::{csv, json, json_line, print, yaml};
use crate::view::{Align, Style, lay_out};
use serde::Serialize;

impl<T: Serialize> Chosen<T> {
    /// Prints the rows that are wanted.
    pub(crate) fn print(&self, rows: Vec<T>) -> Result<(), Error> {
        let rows = self.select(rows);
        print(&match self.format {
            ListFormat::Table | ListFormat::Wide => self.table(&rows, Style::of_stdout().color),
            ListFormat::Json => json(&rows),
            ListFormat::Yaml => yaml(&rows),
            ListFormat::Csv => self.csv_head() + &self.csv(&rows),
            ListFormat::Name => rows.iter().map(|row| self.name.shown(row) + "\n").collect(),
        })
    }

    /// One row of a list that has no end, if it is wanted; CSV's head is up to who prints the first.
    pub(crate) fn print_one(&self, row: &T, for_people: impl FnOnce(&T) -> String) -> Result<(), Error> {
        if !self.takes(row) {
            return Ok(());
        }
        print(&match self.format {
            ListFormat::Table | ListFormat::Wide => for_people(row),
            ListFormat::Json => json_line(row),
            ListFormat::Yaml => format!("---\n{}", yaml(row)),
            ListFormat::Csv => self.csv(std::slice::from_ref(row)),
            ListFormat::Name => self.name.shown(row) + "\n",
        })
    }
}

impl<T> Chosen<T> {
    pub(super) fn table(&self, rows: &[T], color: bool) -> String {
        let columns: Vec<Align> = self.columns.iter().map(|column| align(column)).collect();
        let titles = self.columns.iter().map(|column| column.name.to_uppercase().replace('-', " ")).collect();
        let cells = |row: &T| self.columns.iter().map(|column| column.shown(row)).collect();
        let lines: Vec<Vec<String>> = std::iter::once(titles).chain(rows.iter().map(cells)).collect();
        let text = lay_out(&columns, &lines);
        match text.split_once('\n') {
            Some((titles, rest)) if color => format!("{BOLD}{titles}{PLAIN}\n{rest}"),
            _ => text,
        }
    }

    /// The titles: a column's name, and its unit.
    pub(crate) fn csv_head(&self) -> String {
        csv(&[self.columns.iter().map(|column| column.name.replace('-', "_") + unit(column)).collect()])
    }

    /// Rows for programs: integers in bytes and seconds, parts from 0 to 1, times of UTC; empty where there is nothing.
    pub(crate) fn csv(&self, rows: &[T]) -> String {
        let cells = |row: &T| self.columns.iter().map(|column| plain(column.cell(row))).collect();
        csv(&rows.iter().map(cells).collect::<Vec<_>>())
    }
}

fn align<T>(column: &Column<T>) -> Align {
    match column.value {
        Value::Text(_) | Value::Time(_) | Value::YesNo(_) => Align::Left,
        _ => Align::Right,
    }
}

/// What is behind a column's name where its values are bare numbers, as in the fields of JSON.
fn unit<T>(column: &Column<T>) -> &'static str {
    match column.value {
        Value::Size(_) => "_bytes",
        Value::Duration(_) => "_seconds",
        _ => "",
    }
}

fn plain(cell: Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) => text,
        Cell::Count(n) | Cell::Size(n) | Cell::Duration(n) => n.to_string(),
        Cell::Time(at) => date_time(at),
        Cell::Part(part) => part.to_string(),
        Cell::YesNo(yes) => yes_or_no(yes).to_owned(),
    }
}

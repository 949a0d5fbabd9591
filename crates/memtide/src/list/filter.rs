//! Conditions on columns: `power=running`, `swapped>0`, `name~web`.

use super::{Cell, Column, Table, Value, date_time, usage, yes_or_no};
use crate::args::seconds;
use crate::error::Error;
use addr::ByteSize;
use std::cmp::Ordering;

/// How a value is compared. Longer signs come first, as they begin like shorter ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Test {
    AtLeast,
    AtMost,
    Not,
    Lacks,
    Is,
    Above,
    Below,
    Has,
}

const SIGNS: [(&str, Test); 8] = [
    (">=", Test::AtLeast),
    ("<=", Test::AtMost),
    ("!=", Test::Not),
    ("!~", Test::Lacks),
    ("=", Test::Is),
    (">", Test::Above),
    ("<", Test::Below),
    ("~", Test::Has),
];

/// What a value is compared with.
enum With {
    Cell(Cell),
    /// In lower case: part of what people see.
    Part(String),
    /// A time or its beginning, `2026-05-17` or `2026-05-17T09:30`.
    Since(String),
}

/// One condition on a column.
pub(super) struct Condition<T: 'static> {
    column: &'static Column<T>,
    test: Test,
    with: With,
}

impl<T> Condition<T> {
    /// Reads `COLUMN`, a sign and a value; `none` is no value.
    ///
    /// # Errors
    /// If it is none, or the value cannot be of that column.
    pub(super) fn parse(table: &Table<T>, text: &str) -> Result<Self, Error> {
        let found = text.find(['=', '!', '<', '>', '~']).and_then(|at| {
            let (sign, test) = SIGNS.iter().find(|(sign, _)| text[at..].starts_with(sign))?;
            Some((&text[..at], *test, text[at + sign.len()..].trim()))
        });
        let Some((name, test, value)) = found else {
            return Err(usage(
                format!("'{text}' is no condition"),
                "write a column, one of = != > >= < <= ~ !~ and a value, such as 'swapped>0'; several are joined by commas",
            ));
        };
        let column = table.find(name)?;
        Ok(Self { column, test, with: with(column, test, value)? })
    }

    pub(super) fn holds(&self, row: &T) -> bool {
        let order = match &self.with {
            With::Part(part) => {
                let has = self.column.shown(row).to_lowercase().contains(part);
                return has == (self.test == Test::Has);
            }
            With::Since(begin) => match self.column.cell(row) {
                Cell::Time(at) => {
                    let shown = date_time(at);
                    shown[..begin.len().min(shown.len())].cmp(begin)
                }
                _ => return self.test == Test::Not,
            },
            With::Cell(Cell::Nothing) => {
                return (self.column.cell(row) == Cell::Nothing) == (self.test == Test::Is);
            }
            With::Cell(with) => match self.column.cell(row) {
                Cell::Nothing => return self.test == Test::Not,
                cell => cell.order(with),
            },
        };
        match self.test {
            Test::Is => order == Ordering::Equal,
            Test::Not => order != Ordering::Equal,
            Test::Above => order == Ordering::Greater,
            Test::AtLeast => order != Ordering::Less,
            Test::Below => order == Ordering::Less,
            Test::AtMost => order != Ordering::Greater,
            Test::Has | Test::Lacks => unreachable!("they have a part to look for"),
        }
    }
}

/// The value of a condition on a column.
fn with<T>(column: &Column<T>, test: Test, text: &str) -> Result<With, Error> {
    if matches!(test, Test::Has | Test::Lacks) {
        return Ok(With::Part(text.to_lowercase()));
    }
    if text == "none" && matches!(test, Test::Is | Test::Not) {
        return Ok(With::Cell(Cell::Nothing));
    }
    let (cell, such_as) = match column.value {
        Value::Time(_) => return since(column.name, text).map(With::Since),
        Value::Text(_) => (Some(Cell::Text(text.to_owned())), "text"),
        Value::Count(_) => (text.parse().ok().map(Cell::Count), "a whole number"),
        Value::Size(_) => {
            (text.parse::<ByteSize>().ok().map(|size| Cell::Size(size.0)), "a size such as 64MiB")
        }
        Value::Duration(_) => (seconds(text).ok().map(Cell::Duration), "a time such as 10min, 2h or 1d"),
        Value::Part(_) => (percent(text).map(Cell::Part), "a percentage such as 50%"),
        Value::YesNo(_) => {
            let yes = [true, false].into_iter().find(|&yes| yes_or_no(yes) == text);
            (yes.map(Cell::YesNo), "yes or no")
        }
    };
    cell.map(With::Cell).ok_or_else(|| {
        usage(
            format!("'{text}' is nothing that column {} could hold", column.name),
            format!("write {such_as}"),
        )
    })
}

fn percent(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%').unwrap_or(text).trim().parse().ok()?;
    number.is_finite().then_some(number / 100.0)
}

/// The beginning of a time as [`date_time`] writes it.
fn since(column: &str, text: &str) -> Result<String, Error> {
    const LIKE: &str = "0000-00-00T00:00:00Z";
    let begin = text.replacen(' ', "T", 1).to_ascii_uppercase();
    let fits = begin.len() >= 4
        && begin.len() <= LIKE.len()
        && begin.chars().zip(LIKE.chars()).all(|(a, b)| if b == '0' { a.is_ascii_digit() } else { a == b });
    if fits {
        Ok(begin)
    } else {
        let hint = "write a date, and a time of day (UTC) if you like: 2026-05-17 or 2026-05-17T09:30";
        Err(usage(format!("'{text}' is no time that column {column} could hold"), hint))
    }
}

//! The order of values.

use super::Cell;
use std::cmp::Ordering;

impl Cell {
    /// The order of two values of one column; nothing comes last.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => Ordering::Equal,
            (Self::Nothing, _) => Ordering::Greater,
            (_, Self::Nothing) => Ordering::Less,
            (Self::Text(a), Self::Text(b)) => natural(a, b),
            (Self::Part(a), Self::Part(b)) => a.total_cmp(b),
            (Self::YesNo(a), Self::YesNo(b)) => a.cmp(b),
            (a, b) => a.number().cmp(&b.number()),
        }
    }

    fn number(&self) -> Option<u64> {
        match *self {
            Self::Count(n) | Self::Size(n) | Self::Duration(n) | Self::Time(n) => Some(n),
            _ => None,
        }
    }
}

/// Rising or falling; what has no value comes last either way.
pub(super) fn order(a: &Cell, b: &Cell, falling: bool) -> Ordering {
    let nothing = *a == Cell::Nothing || *b == Cell::Nothing;
    if falling && !nothing { b.order(a) } else { a.order(b) }
}

/// As people count: vm2 before vm10. Only equal texts are equal.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (one, other) = (run(&mut left), run(&mut right));
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(one) && digits(other) {
            let [one, other] = [one, other].map(|number| number.trim_start_matches('0'));
            one.len().cmp(&other.len()).then(one.cmp(other))
        } else {
            one.cmp(other)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then(a.cmp(b))
}

/// Takes the digits at the beginning, or what is before the first.
fn run<'a>(text: &mut &'a str) -> &'a str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let ordered = ["", "7", "007a", "db", "vm", "vm2", "vm10", "vm10-a", "vm11", "web"];
        for pair in ordered.windows(2) {
            assert_eq!(natural(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(natural(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(natural("vm01", "vm01"), Ordering::Equal);
        assert_ne!(natural("vm01", "vm1"), Ordering::Equal, "they are two");
        assert_eq!(natural("vm99999999999999999999999", "vm100000000000000000000000"), Ordering::Less);
    }
}

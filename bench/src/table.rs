//! Tables that are Markdown and line up on a terminal too.

/// A table: the first column to the left, the others to the right.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head and no rows yet.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has another number of cells than the head.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len(), "cells of a row");
        self.rows.push(cells);
    }

    /// The table in Markdown.
    pub fn render(&self) -> String {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..self.rows[0].len()).filter_map(width).collect();
        let mut lines: Vec<_> = self.rows.iter().map(|row| line(row, &widths)).collect();
        lines.insert(1, rule(&widths));
        lines.concat()
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cell = |(column, (text, &width)): (usize, (&String, &usize))| {
        if column == 0 { format!(" {text:<width$} |") } else { format!(" {text:>width$} |") }
    };
    let cells: String = cells.iter().zip(widths).enumerate().map(cell).collect();
    format!("|{cells}\n")
}

fn rule(widths: &[usize]) -> String {
    let cell = |(column, &width): (usize, &usize)| {
        if column == 0 {
            format!(" {} |", "-".repeat(width))
        } else {
            format!(" {}: |", "-".repeat(width - 1))
        }
    };
    let cells: String = widths.iter().enumerate().map(cell).collect();
    format!("|{cells}\n")
}

/// A count in at most four characters and a unit: 987, 12.3 k, 4.56 M.
pub fn count(number: u64) -> String {
    let scaled = |unit: f64, letter: char| {
        let value = number as f64 / unit;
        let decimals = if value >= 100.0 {
            0
        } else if value >= 10.0 {
            1
        } else {
            2
        };
        format!("{value:.decimals$} {letter}")
    };
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => scaled(1e3, 'k'),
        1_000_000..1_000_000_000 => scaled(1e6, 'M'),
        _ => scaled(1e9, 'G'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["what", "ms"]);
        table.row(vec!["é".into(), "1000".into()]);
        assert_eq!(table.render(), "| what |   ms |\n| ---- | ---: |\n| é    | 1000 |\n");
    }

    #[test]
    fn counts_are_short() {
        let shown: Vec<_> = [0, 999, 1_000, 12_345, 999_000, 4_560_000, 7_000_000_000].map(count).into();
        assert_eq!(shown, ["0", "999", "1.00 k", "12.3 k", "999 k", "4.56 M", "7.00 G"]);
    }
}

//! A table of figures, as CSV and as a picture.
//!
//! **Model.** The first column is what the others are shown over. These are in panels, one below the
//! other, each with a scale of its own. A figure that was not taken is left out, in the picture as a gap.

use crate::lab::Trouble;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

const COLORS: [RGBColor; 8] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 130, 90),
    RGBColor(150, 80, 190),
    RGBColor(230, 140, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 170, 200),
    RGBColor(190, 150, 90),
];

/// Figures, a row for each moment or case.
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Option<f64>>>,
    panels: Vec<Panel>,
}

/// Columns with one scale.
struct Panel {
    /// What the figures count.
    unit: String,
    columns: Range<usize>,
}

impl Table {
    /// An empty table; `columns` names the first column and then the figures shown over it.
    pub(crate) fn new(title: &str, unit: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            panels: vec![Panel { unit: unit.to_owned(), columns: 1..columns.len() }],
        }
    }

    /// With more columns, which have a scale of their own.
    pub(crate) fn with_panel(mut self, unit: &str, columns: &[&str]) -> Self {
        let first = self.columns.len();
        self.columns.extend(columns.iter().map(|&column| column.to_owned()));
        self.panels.push(Panel { unit: unit.to_owned(), columns: first..self.columns.len() });
        self
    }

    /// Adds a row: as many figures as there are columns.
    pub(crate) fn push(&mut self, row: &[Option<f64>]) {
        assert_eq!(row.len(), self.columns.len(), "a figure for each column");
        self.rows.push(row.to_vec());
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The table as CSV, with three decimal places.
    pub(crate) fn csv(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        let mut text = names.join(",") + "\n";
        for row in &self.rows {
            let figures: Vec<String> = row
                .iter()
                .map(|figure| figure.map_or(String::new(), |figure| format!("{figure:.3}")))
                .collect();
            let _ = writeln!(text, "{}", figures.join(","));
        }
        text
    }

    /// The figures of one column with what they are shown over.
    fn points(&self, column: usize) -> impl Iterator<Item = (f64, f64)> {
        self.rows.iter().filter_map(move |row| Some((row[0]?, row[column]?)))
    }

    /// Draws each column as a line into an SVG file.
    pub(crate) fn draw(&self, file: &Path) -> Result<(), Trouble> {
        const LOWER: u32 = 220;
        let lower = self.panels.len() as u32 - 1;
        let root = SVGBackend::new(file, (900, 480 + LOWER * lower)).into_drawing_area();
        root.fill(&WHITE).map_err(Trouble::draw)?;
        let mut left = root.clone();
        for (number, panel) in self.panels.iter().enumerate() {
            let height = if number == 0 { 480 } else { LOWER };
            let (area, rest) = left.split_vertically(height);
            self.draw_panel(&area, panel, (number == 0).then_some(self.title.as_str()))?;
            left = rest;
        }
        root.present().map_err(Trouble::draw)
    }

    fn draw_panel(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        panel: &Panel,
        title: Option<&str>,
    ) -> Result<(), Trouble> {
        let all = (1..self.columns.len()).flat_map(|column| self.points(column)).map(|(x, _)| x);
        let (first, last) = all.fold((f64::MAX, f64::MIN), |(first, last), x| (first.min(x), last.max(x)));
        let top =
            panel.columns.clone().flat_map(|column| self.points(column)).fold(0.0, |top, (_, y)| y.max(top));
        let mut builder = ChartBuilder::on(area);
        if let Some(title) = title {
            builder.caption(title, ("sans-serif", 18));
        }
        let mut chart = builder
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(first..last.max(first + 1.0), 0.0..top * 1.15 + 1e-9)
            .map_err(Trouble::draw)?;
        chart
            .configure_mesh()
            .x_desc(self.columns[0].as_str())
            .y_desc(panel.unit.as_str())
            .light_line_style(WHITE)
            .draw()
            .map_err(Trouble::draw)?;
        for column in panel.columns.clone() {
            let color = COLORS[(column - 1) % COLORS.len()];
            chart
                .draw_series(LineSeries::new(self.points(column), color.stroke_width(2)))
                .map_err(Trouble::draw)?
                .label(self.columns[column].as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .position(SeriesLabelPosition::UpperRight)
            .draw()
            .map_err(Trouble::draw)
    }
}

/// A field of a CSV file (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_it_was_filled() {
        let mut table = Table::new("title", "MiB", &["seconds", "one"]).with_panel("things", &["two"]);
        table.push(&[Some(0.0), Some(1.5), None]);
        table.push(&[Some(1.0), Some(2.0), Some(0.25)]);
        assert_eq!(table.csv(), "seconds,one,two\n0.000,1.500,\n1.000,2.000,0.250\n");
        let mut named = Table::new("title", "MiB", &["MiB", "smaller VM, ms", "\"idle\""]);
        named.push(&[Some(1.0), Some(2.0), Some(3.0)]);
        assert_eq!(
            named.csv(),
            "MiB,\"smaller VM, ms\",\"\"\"idle\"\"\"\n1.000,2.000,3.000\n",
            "one name for each figure"
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("table.svg");
        table.draw(&file).unwrap();
        let svg = std::fs::read_to_string(file).unwrap();
        assert!(
            svg.contains("<svg") && svg.contains("title") && svg.contains("two") && svg.contains("things")
        );
    }
}

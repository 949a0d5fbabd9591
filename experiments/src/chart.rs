//! A table of figures, as CSV and as a picture.
//!
//! **Model.** The first column is what the others are shown over. A figure that was not taken is left
//! out, in the picture as a gap.

use crate::lab::Trouble;
use plotters::prelude::*;
use std::fmt::Write;
use std::path::Path;

/// Figures, a row for each moment or case.
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Option<f64>>>,
    /// What the figures count.
    unit: String,
}

impl Table {
    /// An empty table; `columns` names the first column and then the figures shown over it.
    pub(crate) fn new(title: &str, unit: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            unit: unit.to_owned(),
        }
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
        let mut text = self.columns.join(",") + "\n";
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
        let shown = || (1..self.columns.len()).flat_map(|column| self.points(column));
        let (mut first, mut last, mut top) = (f64::MAX, f64::MIN, 0.0f64);
        for (x, y) in shown() {
            (first, last, top) = (first.min(x), last.max(x), top.max(y));
        }
        let root = SVGBackend::new(file, (900, 480)).into_drawing_area();
        root.fill(&WHITE).map_err(Trouble::draw)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(first..last.max(first + 1.0), 0.0..top * 1.15 + 1e-9)
            .map_err(Trouble::draw)?;
        chart
            .configure_mesh()
            .x_desc(self.columns[0].as_str())
            .y_desc(self.unit.as_str())
            .light_line_style(WHITE)
            .draw()
            .map_err(Trouble::draw)?;
        for column in 1..self.columns.len() {
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
            .map_err(Trouble::draw)?;
        root.present().map_err(Trouble::draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_it_was_filled() {
        let mut table = Table::new("title", "MiB", &["seconds", "one", "two"]);
        table.push(&[Some(0.0), Some(1.5), None]);
        table.push(&[Some(1.0), Some(2.0), Some(0.25)]);
        assert_eq!(table.csv(), "seconds,one,two\n0.000,1.500,\n1.000,2.000,0.250\n");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("table.svg");
        table.draw(&file).unwrap();
        let svg = std::fs::read_to_string(file).unwrap();
        assert!(svg.contains("<svg") && svg.contains("title") && svg.contains("two"));
    }
}

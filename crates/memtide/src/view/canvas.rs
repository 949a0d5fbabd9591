//! Drawing with characters: text, and lines beneath it.
//!
//! **Model.** A cell of the terminal has two dots across and four down, which Braille characters show. Without them a
//! line is made of dashes, slashes and dots.

use crate::color::{PLAIN, YELLOW};

/// How a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ink {
    Solid,
    Dotted,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    text: Option<char>,
    /// Braille dots, as they are numbered in Unicode from the lowest bit.
    dots: u8,
    /// Instead of dots.
    stroke: Option<char>,
    dotted: bool,
}

/// A drawing of so many characters.
pub(super) struct Canvas {
    width: usize,
    cells: Vec<Cell>,
    unicode: bool,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, unicode: bool) -> Self {
        Self { width, cells: vec![Cell::default(); width * height], unicode }
    }

    fn cell(&mut self, x: usize, y: usize) -> Option<&mut Cell> {
        let inside = x < self.width;
        self.cells.get_mut(y * self.width + x).filter(|_| inside)
    }

    /// Writes over whatever is there; what does not fit is cut off.
    pub(super) fn text(&mut self, x: usize, y: usize, text: &str) {
        for (at, letter) in (x..).zip(text.chars()) {
            if let Some(cell) = self.cell(at, y) {
                cell.text = Some(letter);
            }
        }
    }

    /// Draws from the left edge of one cell to the right edge of another, which is not left of it.
    pub(super) fn line(&mut self, from: (usize, usize), to: (usize, usize), ink: Ink) {
        if self.unicode { self.braille(from, to, ink) } else { self.strokes(from, to, ink) }
    }

    fn braille(&mut self, from: (usize, usize), to: (usize, usize), ink: Ink) {
        /// By column and row within the cell.
        const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        // In dots; a line runs through the middle of its first and last cell.
        let (start_x, start_y) = (from.0 as f64 * 2.0, from.1 as f64 * 4.0 + 1.5);
        let (end_x, end_y) = (to.0 as f64 * 2.0 + 1.0, to.1 as f64 * 4.0 + 1.5);
        let steps = (end_x - start_x).abs().max((end_y - start_y).abs()).max(1.0) as usize;
        for step in (0..=steps).filter(|step| ink == Ink::Solid || step % 3 == 0) {
            let along = step as f64 / steps as f64;
            let x = (start_x + along * (end_x - start_x)).round() as usize;
            let y = (start_y + along * (end_y - start_y)).round() as usize;
            if let Some(cell) = self.cell(x / 2, y / 4) {
                cell.dots |= DOTS[x % 2][y % 4];
                cell.dotted |= ink == Ink::Dotted;
            }
        }
    }

    fn strokes(&mut self, from: (usize, usize), to: (usize, usize), ink: Ink) {
        let (across, down) = (to.0 as f64 - from.0 as f64, to.1 as f64 - from.1 as f64);
        let steps = across.abs().max(down.abs()).max(1.0) as usize;
        let mut before = from.1;
        for step in 0..=steps {
            let along = step as f64 / steps as f64;
            let x = (from.0 as f64 + along * across).round() as usize;
            let y = (from.1 as f64 + along * down).round() as usize;
            let stroke = match (ink, y.cmp(&before)) {
                (Ink::Dotted, _) => '.',
                (Ink::Solid, std::cmp::Ordering::Less) => '/',
                (Ink::Solid, std::cmp::Ordering::Equal) => '-',
                (Ink::Solid, std::cmp::Ordering::Greater) => '\\',
            };
            before = y;
            if let Some(cell) = self.cell(x, y)
                && (ink == Ink::Solid || cell.stroke.is_none() && step % 2 == 0)
            {
                cell.stroke = Some(stroke);
                cell.dotted = ink == Ink::Dotted;
            }
        }
    }

    /// The lines from top to bottom. With `color`, dotted lines stand out.
    pub(super) fn render(&self, color: bool) -> Vec<String> {
        self.cells.chunks(self.width).map(|row| render_row(row, color)).collect()
    }
}

fn render_row(row: &[Cell], color: bool) -> String {
    let used = row.iter().rposition(|cell| cell.text.is_some() || cell.dots != 0 || cell.stroke.is_some());
    let mut line = String::new();
    let mut colored = false;
    for cell in &row[..used.map_or(0, |last| last + 1)] {
        let wanted = color && cell.dotted && cell.text.is_none();
        if wanted != colored {
            line.push_str(if wanted { YELLOW } else { PLAIN });
            colored = wanted;
        }
        let braille = (cell.dots != 0).then(|| char::from_u32(0x2800 + u32::from(cell.dots))).flatten();
        line.push(cell.text.or(cell.stroke).or(braille).unwrap_or(' '));
    }
    if colored {
        line.push_str(PLAIN);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_run_beneath_text() {
        let mut canvas = Canvas::new(7, 1, false);
        canvas.line((0, 0), (6, 0), Ink::Solid);
        canvas.text(2, 0, "abc");
        assert_eq!(canvas.render(false), ["--abc--"]);
    }

    #[test]
    fn strokes_show_where_a_line_goes() {
        let mut canvas = Canvas::new(5, 3, false);
        canvas.line((0, 2), (4, 0), Ink::Solid);
        let drawn = canvas.render(false).concat();
        assert_eq!(drawn.matches('/').count(), 2, "{drawn}");
        let mut canvas = Canvas::new(6, 1, false);
        canvas.line((0, 0), (5, 0), Ink::Dotted);
        assert_eq!(canvas.render(false), [". . ."]);
    }

    #[test]
    fn braille_lines_touch_every_column_and_dotted_ones_do_not() {
        let mut canvas = Canvas::new(4, 2, true);
        canvas.line((0, 0), (3, 1), Ink::Solid);
        assert_eq!(canvas.cells.iter().map(|cell| cell.dots.count_ones()).sum::<u32>(), 8);
        let mut canvas = Canvas::new(4, 1, true);
        canvas.line((0, 0), (3, 0), Ink::Dotted);
        assert_eq!(canvas.cells.iter().map(|cell| cell.dots.count_ones()).sum::<u32>(), 3);
        assert!(canvas.render(true)[0].contains('\x1b'));
        assert!(!canvas.render(false)[0].contains('\x1b'));
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut canvas = Canvas::new(3, 1, true);
        canvas.text(1, 0, "abcdef");
        canvas.text(0, 5, "x");
        canvas.line((0, 0), (9, 4), Ink::Solid);
        assert!(canvas.render(false)[0].ends_with("ab"));
    }
}

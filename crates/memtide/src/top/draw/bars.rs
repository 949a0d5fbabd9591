//! Bars: what something is made of, how far it is filled, how it was.

use super::Look;
use ratatui::style::{Color, Style};
use ratatui::text::Span;
use std::collections::VecDeque;

/// A part of a bar.
pub(super) struct Part {
    /// What it is.
    pub(super) name: &'static str,
    /// How it looks: on any terminal, and on those that have more than ASCII.
    glyphs: [char; 2],
    color: Color,
    pub(super) bytes: u64,
}

impl Part {
    pub(super) const fn new(name: &'static str, glyphs: [char; 2], color: Color, bytes: u64) -> Self {
        Self { name, glyphs, color, bytes }
    }

    fn glyph(&self, look: Look) -> char {
        self.glyphs[usize::from(look.unicode)]
    }

    fn style(&self, look: Look) -> Style {
        look.colored(self.color)
    }
}

/// All parts beside each other.
pub(super) fn stacked(parts: &[Part], width: usize, look: Look) -> Vec<Span<'static>> {
    let total = parts.iter().map(|part| part.bytes).sum::<u64>().max(1);
    let mut until = 0;
    let mut drawn = 0;
    let mut spans = vec![Span::raw("[")];
    for part in parts {
        until += part.bytes;
        // Rounded at the ends, so that the whole is never longer or shorter.
        let end = ((until as f64 / total as f64) * width as f64).round() as usize;
        let cells: String = std::iter::repeat_n(part.glyph(look), end - drawn).collect();
        drawn = end;
        spans.push(Span::styled(cells, part.style(look)));
    }
    spans.push(Span::raw(" ".repeat(width.saturating_sub(drawn)) + "]"));
    spans
}

/// What is what in a bar, with figures in MiB.
pub(super) fn legend(parts: &[Part], look: Look) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for part in parts {
        spans.push(Span::styled(part.glyph(look).to_string(), part.style(look)));
        spans.push(Span::raw(format!(" {} {}  ", part.name, crate::view::mib(addr::ByteSize(part.bytes)))));
    }
    spans
}

/// The same in whole MiB, for many parts.
pub(super) fn short_legend(parts: &[Part], look: Look) -> Vec<Span<'static>> {
    let named = |part: &Part| {
        let mib = part.bytes as f64 / (1 << 20) as f64;
        let figure = Span::raw(format!(" {} {mib:.0} ", part.name));
        [Span::styled(part.glyph(look).to_string(), part.style(look)), figure]
    };
    parts.iter().flat_map(named).collect()
}

/// The last figures of a history, as high as `most` is full.
pub(super) fn sparkline(figures: &VecDeque<u64>, most: u64, width: usize, look: Look) -> String {
    const LEVELS: [[char; 9]; 2] =
        [[' ', '.', '.', ':', '-', '=', '+', '#', '@'], [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']];
    let levels = LEVELS[usize::from(look.unicode)];
    let skipped = figures.len().saturating_sub(width);
    let level = |figure: &u64| {
        let level = (*figure as f64 / most.max(1) as f64 * 8.0).round() as usize;
        // What is there is seen.
        levels[level.clamp(usize::from(*figure > 0), 8)]
    };
    figures.iter().skip(skipped).map(level).collect()
}

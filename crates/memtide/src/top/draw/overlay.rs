//! What takes the place of the lists: help, the choice of columns, an explanation in full.

use super::{CHOSEN, TITLE, first_row};
use crate::top::columns::COLUMNS;
use crate::top::model::{Explanation, Model};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

/// On a terminal of 80 columns there are 50 for what a key does.
const KEYS: [(&str, &str); 19] = [
    ("Up Down PgUp PgDn Home End", "another VM; also k and j"),
    ("< >  Left Right", "sort by another column"),
    ("r", "reverse the order"),
    ("/", "only VMs with a text in their name or pool's"),
    ("Esc", "all VMs again"),
    ("c", "choose columns"),
    ("Enter", "the pane of the selected VM"),
    ("e", "why it holds what it holds, what would change it"),
    ("Tab", "resource pools, and back"),
    ("+ -", "look less or more often, every so many seconds"),
    ("p  Space", "stand still, and go on"),
    ("?  h", "this help"),
    ("q  Ctrl-C", "leave"),
    ("!  X", "slowed by waiting for memory; its swap file fails"),
    ("-", "not known, or none"),
    ("free", "free memory among the thresholds of the states"),
    ("pool", "what machine memory is used for; closes: adds up"),
    ("left", "what could still be guaranteed to VMs"),
    ("LEFT", "what could still be guaranteed in a pool"),
];

pub(super) fn help(line: u16, area: Rect, frame: &mut Frame) {
    let mut lines = vec![Line::styled("Sizes are in MiB. Keys and signs:", TITLE)];
    lines.extend(KEYS.iter().map(|(key, what)| Line::raw(format!("  {key:<27} {what}"))));
    lines.push(Line::styled("Columns:", TITLE));
    lines
        .extend(COLUMNS.iter().map(|column| Line::raw(format!("  {:<10} {}", column.title, column.meaning))));
    let most = (lines.len() as u16).saturating_sub(area.height.saturating_sub(1));
    frame.render_widget(titled("help").scroll_to(lines, line.min(most)), area);
}

pub(super) fn columns(model: &Model, at: usize, area: Rect, frame: &mut Frame) {
    let row = |(number, column): (usize, &crate::top::columns::Column)| {
        let chosen = if model.table.chosen[number] { 'x' } else { ' ' };
        let text = format!("[{chosen}] {:<10} {}", column.title, column.meaning);
        Line::styled(text, if number == at { CHOSEN } else { Style::new() })
    };
    let lines = COLUMNS.iter().enumerate().map(row).collect();
    let first = first_row(at, usize::from(area.height.saturating_sub(1)).max(1));
    frame.render_widget(titled("columns").scroll_to(lines, first as u16), area);
}

pub(super) fn explanation(model: &Model, line: u16, area: Rect, frame: &mut Frame) {
    let text = match &model.explanation {
        Some(Explanation::Of(explained)) => explained.text.clone(),
        Some(Explanation::None(why)) => format!("no explanation: {why}"),
        None => "asking the host".to_owned(),
    };
    let lines = text.lines().map(|line| Line::raw(line.to_owned())).collect();
    let name = model.selected().map_or("", |vm| vm.name.as_str());
    frame.render_widget(titled(name).scroll_to(lines, line).wrap(Wrap { trim: false }), area);
}

/// Something with a title above.
struct Titled(String);

fn titled(title: &str) -> Titled {
    Titled(format!(" {title} "))
}

impl Titled {
    fn scroll_to(self, lines: Vec<Line<'static>>, line: u16) -> Paragraph<'static> {
        Paragraph::new(lines).block(Block::new().borders(Borders::TOP).title(self.0)).scroll((line, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_keys_and_columns_fits() {
        assert!(KEYS.iter().all(|(key, what)| key.len() <= 27 && what.len() <= 50));
        assert!(COLUMNS.iter().all(|column| column.title.len() <= 10 && column.meaning.len() <= 65));
    }
}

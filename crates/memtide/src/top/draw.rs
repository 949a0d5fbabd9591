//! The screen, from the model: nothing here decides or remembers.
//!
//! **Model.** From above: the host's memory (`head`), VMs (`rows`) or resource pools (`pools`), a pane for the selected VM
//! (`pane`), a line of keys. Help, columns and explanations (`overlay`) take the place of the lists.
//!
//! **Invariants.** Colour says nothing that letters do not say as well.

mod bars;
mod head;
mod overlay;
mod pane;
mod pools;
mod rows;

use super::model::{Link, List, Mode, Model};
use crate::view::Style as Output;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Less is no use.
const LEAST: (u16, u16) = (40, 12);
/// Lines of the pane where there is little room, and where there is more.
const PANE: (u16, u16) = (9, 14);
/// Lines of a terminal that has more.
const ROOMY: u16 = 34;

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    color: bool,
    unicode: bool,
}

impl Look {
    pub(super) const fn new(output: Output) -> Self {
        Self { color: output.color, unicode: output.unicode }
    }

    const fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    /// As it should be.
    const fn good(self) -> Style {
        self.colored(Color::Green)
    }

    /// To be looked at.
    const fn warning(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Not as it should be.
    const fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }
}

const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

pub(super) fn draw(model: &Model, look: Look, frame: &mut Frame) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let words =
            format!("{} x {} is too small: {} x {} it takes", area.width, area.height, LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(words), area);
        return;
    }
    let [top, middle, keys] =
        Layout::vertical([Constraint::Length(head::LINES), Constraint::Fill(1), Constraint::Length(1)])
            .areas(area);
    let head = match model.status() {
        Some(status) => head::lines(model, status, look, top.width),
        None => vec![Line::raw("the host has not said anything yet")],
    };
    frame.render_widget(Paragraph::new(head), top);
    match model.mode {
        Mode::Help(line) => overlay::help(line, middle, frame),
        Mode::Columns(at) => overlay::columns(model, at, middle, frame),
        Mode::Explain(line) => overlay::explanation(model, line, middle, frame),
        Mode::Look | Mode::Filter | Mode::Left => lists(model, look, middle, frame),
    }
    frame.render_widget(Paragraph::new(key_line(model, look)), keys);
}

fn lists(model: &Model, look: Look, area: Rect, frame: &mut Frame) {
    if model.list == List::Pools {
        return frame.render_widget(Paragraph::new(pools::lines(model, area)), area);
    }
    let pane = match model.pane {
        false => 0,
        true if frame.area().height < ROOMY => PANE.0,
        true => PANE.1,
    };
    // At least the titles and the selected VM stay.
    let pane = pane.min(area.height.saturating_sub(2));
    let [table, pane] = Layout::vertical([Constraint::Fill(1), Constraint::Length(pane)]).areas(area);
    frame.render_widget(Paragraph::new(rows::lines(model, look, table)), table);
    pane::draw(model, look, pane, frame);
}

/// What keys do at present, or what is typed.
fn key_line(model: &Model, look: Look) -> Line<'static> {
    if let Link::Gone(why) = &model.link {
        return Line::styled(format!("HOST GONE: {why}; looking for it, q quits"), look.bad());
    }
    let keys = match model.mode {
        Mode::Filter => {
            let cursor = if look.unicode { '▏' } else { '_' };
            let words = format!("filter: {}{cursor}  Enter keeps it, Esc clears it", model.table.filter);
            return Line::raw(words);
        }
        Mode::Columns(_) => "Space shows or hides a column, Enter is done",
        Mode::Explain(_) | Mode::Help(_) => "Up and Down scroll, any other key leads back",
        Mode::Look if model.list == List::Pools => {
            "Tab VMs  Enter a VM  p pause  +- interval  ? help  q quit"
        }
        Mode::Look | Mode::Left => {
            "? help  Enter pane  e explain  <> sort  / filter  c columns  Tab pools  q quit"
        }
    };
    Line::styled(keys, FAINT)
}

/// Cuts text to a width; `~` where something is missing.
fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('~')).collect()
}

/// The first row to be seen, so that row `at` is.
const fn first_row(at: usize, height: usize) -> usize {
    (at + 1).saturating_sub(height)
}

/// What stands on the left, and what on the right of a line.
fn both_ends(left: Vec<Span<'static>>, right: Vec<Span<'static>>, width: u16) -> Line<'static> {
    let taken: usize = left.iter().chain(&right).map(Span::width).sum();
    let between = usize::from(width).saturating_sub(taken).max(1);
    left.into_iter().chain([Span::raw(" ".repeat(between))]).chain(right).collect()
}

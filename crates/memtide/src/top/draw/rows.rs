//! The VMs, a line for each.

use super::{CHOSEN, FAINT, Look, TITLE, first_row, fitted};
use crate::top::columns::COLUMNS;
use crate::top::model::Model;
use model::VmStatus;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::fmt::Write;

/// The longest name that is shown whole.
const NAME: usize = 20;

/// A column as wide as what is in it.
struct Laid {
    number: usize,
    title: String,
    cells: Vec<String>,
    width: usize,
}

pub(super) fn lines(model: &Model, look: Look, area: Rect) -> Vec<Line<'static>> {
    let rows = model.table.rows(model.vms());
    let at = model.table.at(&rows);
    let height = usize::from(area.height).saturating_sub(1).max(1);
    let first = first_row(at, height);
    let seen = &rows[first.min(rows.len())..rows.len().min(first + height)];
    let (columns, hidden) = fitting(lay_out(model, seen, look), model.table.sort, area.width.into());
    let mut lines = vec![titles(model, &columns, hidden)];
    for (index, vm) in seen.iter().enumerate() {
        let text = line(&columns, |column| column.cells[index].clone(), first + index == at);
        let style = match vm {
            _ if first + index == at => CHOSEN,
            vm if vm.swap_failure.is_some() => look.bad(),
            vm if vm.slowed => look.warning(),
            _ => Style::new(),
        };
        lines.push(Line::styled(text, style));
    }
    if rows.is_empty() {
        let words = match (model.vms().len(), model.table.filter.as_str()) {
            (0, _) => "no VM is running".to_owned(),
            (_, filter) => format!("no VM has '{filter}' in its name; Esc clears the filter"),
        };
        lines.push(Line::styled(words, FAINT));
    }
    lines
}

/// The columns that are there, the names first. A VM in trouble has a mark beside its name.
fn lay_out(model: &Model, seen: &[&VmStatus], look: Look) -> Vec<Laid> {
    let lay_out = |number: usize| {
        let column = &COLUMNS[number];
        let mark = match (model.table.sort == number, model.table.descending) {
            (false, _) => "",
            (true, true) => {
                if look.unicode {
                    "▼"
                } else {
                    "v"
                }
            }
            (true, false) => {
                if look.unicode {
                    "▲"
                } else {
                    "^"
                }
            }
        };
        let title = format!("{}{mark}", column.title);
        let cell = |vm: &&VmStatus| match (column.of)(vm).shown() {
            name if number == 0 => fitted(&name, NAME) + mark_of(vm),
            cell => cell,
        };
        let cells: Vec<String> = seen.iter().map(cell).collect();
        let longest = cells.iter().map(|cell| cell.chars().count()).max();
        let width = longest.unwrap_or(0).max(title.chars().count());
        Laid { number, title, cells, width }
    };
    model.table.columns().into_iter().map(lay_out).collect()
}

/// `!` for a VM that is slowed, `X` for one whose swap file fails.
const fn mark_of(vm: &VmStatus) -> &'static str {
    match (vm.swap_failure.is_some(), vm.slowed) {
        (true, _) => " X",
        (false, true) => " !",
        (false, false) => "",
    }
}

/// Those that fit: the names, and as many as there is room for, the one that gives the order among them. And how many do
/// not.
fn fitting(mut columns: Vec<Laid>, sort: usize, width: usize) -> (Vec<Laid>, usize) {
    let all = columns.len();
    let fits = |columns: &[Laid]| columns.iter().map(|column| column.width + 1).sum::<usize>() < width;
    let reach = |columns: &[Laid]| columns.iter().position(|column| column.number == sort).unwrap_or(0);
    while reach(&columns) > 1 && !fits(&columns[..=reach(&columns)]) {
        columns.remove(1);
    }
    while columns.len() > 1 && !fits(&columns) {
        columns.pop();
    }
    let hidden = all - columns.len();
    (columns, hidden)
}

fn titles(model: &Model, columns: &[Laid], hidden: usize) -> Line<'static> {
    let titles = line(columns, |column| column.title.clone(), false);
    let mut spans = vec![Span::styled(titles, TITLE.add_modifier(ratatui::style::Modifier::UNDERLINED))];
    if hidden > 0 {
        spans.push(Span::styled(format!(" +{hidden}"), FAINT));
    }
    if !model.table.filter.is_empty() {
        spans.push(Span::styled(format!("  filter: {}", model.table.filter), FAINT));
    }
    Line::from(spans)
}

/// Names on the left, figures on the right of their columns; `>` before the selected one.
fn line(columns: &[Laid], cell: impl Fn(&Laid) -> String, selected: bool) -> String {
    let mut line = String::from(if selected { ">" } else { " " });
    for (index, column) in columns.iter().enumerate() {
        let (cell, width) = (cell(column), column.width);
        let _ = if index == 0 { write!(line, "{cell:<width$}") } else { write!(line, " {cell:>width$}") };
    }
    line
}

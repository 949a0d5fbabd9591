//! One VM: what its guest sees, what the host gives it, what its pages are, what is to become of it, and why.

use super::bars::{Part, short_legend, sparkline, stacked};
use super::{FAINT, Look, TITLE, fitted};
use crate::top::clock;
use crate::top::model::{Explanation, Model};
use crate::view::{counted, mib, uptime};
use addr::ByteSize;
use model::{GuestState, Metrics, VmStatus};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Color;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

pub(super) fn draw(model: &Model, look: Look, area: Rect, frame: &mut Frame) {
    let Some(vm) = model.selected().filter(|_| area.height > 1) else { return };
    let pool = vm.pool.as_ref().map(|pool| format!(", in pool {pool}")).unwrap_or_default();
    let title = format!(" {}{pool}, up {} ", vm.name, uptime(vm.uptime_seconds as u64));
    let block = Block::new().borders(Borders::TOP).title(Span::styled(title, TITLE));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let facts = facts(model, vm, look, inner.width);
    let [top, rest] =
        Layout::vertical([Constraint::Length(facts.len() as u16), Constraint::Fill(1)]).areas(inner);
    frame.render_widget(Paragraph::new(facts), top);
    frame.render_widget(Paragraph::new(why(model)).wrap(Wrap { trim: true }), rest);
}

/// A line for each, named on the left.
fn facts(model: &Model, vm: &VmStatus, look: Look, width: u16) -> Vec<Line<'static>> {
    let named = |name: &'static str, spans: Vec<Span<'static>>| {
        std::iter::once(Span::styled(format!("{name:<9}"), TITLE)).chain(spans).collect::<Line>()
    };
    let words = |text: String| vec![Span::raw(fitted(&text, usize::from(width).saturating_sub(9)))];
    let cells = usize::from(width).saturating_sub(9 + 2);
    let parts = parts(&vm.metrics);
    let mut lines = vec![
        named("guest", words(guest_view(vm))),
        named("host", words(host_view(vm))),
        named("pages", stacked(&parts, cells, look)),
        Line::from(short_legend(&parts, look)),
        named("targets", words(targets(vm))),
    ];
    if let Some(line) = slowness(model, vm) {
        let style = if vm.slowed || vm.swap_failure.is_some() { look.warning() } else { FAINT };
        lines.push(named(
            "waits",
            vec![Span::styled(fitted(&line, usize::from(width).saturating_sub(9)), style)],
        ));
    }
    lines.push(named("lately", lately(model, vm, look, cells)));
    lines
}

fn guest_view(vm: &VmStatus) -> String {
    let said = |size: Option<ByteSize>| size.map_or_else(|| "unknown".to_owned(), mib);
    let active = match vm.active_error {
        Some(error) => format!("{} within {:.0} %", mib(vm.metrics.active_bytes), error * 100.0),
        None => "not known yet".to_owned(),
    };
    let state = match vm.guest {
        GuestState::Silent | GuestState::Panicked => format!("{}; ", vm.guest),
        GuestState::Unknown | GuestState::Well => String::new(),
    };
    let kills = vm.guest_oom_kills.filter(|kills| *kills > 0);
    let kills = kills.map(|kills| format!("; killed {}", counted(kills, "program"))).unwrap_or_default();
    format!(
        "{state}has {}; says free {}, available {}; uses {active}{kills}",
        mib(vm.size_bytes),
        said(vm.guest_free_bytes),
        said(vm.guest_available_bytes)
    )
}

fn host_view(vm: &VmStatus) -> String {
    let of = &vm.metrics;
    let bound = vm.bound.map(|bound| format!(" ({})", word(&bound))).unwrap_or_default();
    let limit = vm.limit_bytes.map(|limit| format!(", limit {}", mib(limit))).unwrap_or_default();
    format!(
        "gives {} of {} entitled{bound}; reserved {}{limit}, {} shares",
        mib(of.consumed_bytes),
        mib(of.entitlement_bytes),
        mib(vm.reservation_bytes),
        vm.shares
    )
}

/// As it is written in JSON, without the quotes.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().replace('-', " ")
}

/// What a VM's pages are; they add up to its size.
fn parts(of: &Metrics) -> [Part; 7] {
    let shared = of.shared_bytes.0.saturating_sub(of.zero_bytes.0);
    [
        Part::new("private", ['#', '█'], Color::Blue, of.private_bytes.0),
        Part::new("shared", ['=', '▓'], Color::Cyan, shared),
        Part::new("zero", ['0', '0'], Color::Gray, of.zero_bytes.0),
        Part::new("balloon", ['b', 'b'], Color::Yellow, of.ballooned_bytes.0),
        Part::new("zip", ['z', '▒'], Color::Magenta, of.compressed_bytes.0),
        Part::new("swap", ['s', 's'], Color::Red, of.swapped_bytes.0),
        Part::new("untouched", ['.', '·'], Color::Gray, of.untouched_bytes.0),
    ]
}

fn targets(vm: &VmStatus) -> String {
    let of = &vm.metrics;
    format!(
        "balloon {} -> {} of {}, driver {}; swap {} -> {} at most",
        mib(of.ballooned_bytes),
        mib(of.balloon_target_bytes),
        mib(vm.balloon_max_bytes),
        vm.balloon_conduct,
        mib(of.swapped_bytes),
        mib(of.swap_target_bytes)
    )
}

/// How much it waits, where that is worth a line.
fn slowness(model: &Model, vm: &VmStatus) -> Option<String> {
    if let Some(why) = &vm.swap_failure {
        return Some(format!("its swap file fails: {why}"));
    }
    let waits = vm.allowance.is_some_and(|allowance| word(&allowance) == "waits");
    if !vm.slowed && !waits && vm.latency + vm.waiting == 0.0 {
        return None;
    }
    let mut text =
        format!("{:.1} % for its pages, {:.1} % for a frame", vm.latency * 100.0, vm.waiting * 100.0);
    if waits {
        text += "; gets frames only once it is under its target";
    }
    if vm.slowed {
        let since = model.shown.slowed.get(&vm.name).map(|&at| format!(" since {}", clock(at)));
        text = format!("SLOWED{}: {text}", since.unwrap_or_default());
    }
    Some(text)
}

/// The last minutes of what it consumed and used, beside each other.
fn lately(model: &Model, vm: &VmStatus, look: Look, cells: usize) -> Vec<Span<'static>> {
    let Some(history) = model.shown.history(&vm.name) else { return Vec::new() };
    let width = (cells.saturating_sub("consumed   active ".len()) / 2).min(crate::top::known::HISTORY);
    let line = |figures| sparkline(figures, vm.size_bytes.0, width, look);
    vec![
        Span::raw("consumed "),
        Span::styled(line(&history.consumed), look.colored(Color::Blue)),
        Span::raw("  active "),
        Span::styled(line(&history.active), look.colored(Color::Cyan)),
    ]
}

/// Why it holds what it holds.
fn why(model: &Model) -> String {
    match &model.explanation {
        Some(Explanation::Of(explained)) => explained.text.split_whitespace().collect::<Vec<_>>().join(" "),
        Some(Explanation::None(why)) => format!("no explanation: {why}"),
        None => String::new(),
    }
}

//! The host's memory: its state and how far it is from the next, what it is used for, what is promised, who is slowed.

use super::bars::{Part, legend, stacked};
use super::{FAINT, Look, TITLE, both_ends, fitted};
use crate::top::clock;
use crate::top::model::{Link, Model};
use crate::view::mib;
use addr::ByteSize;
use model::{HostState, HostStatus, Ledger};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

/// Lines that this takes.
pub(super) const LINES: u16 = 8;

pub(super) fn lines(model: &Model, status: &HostStatus, look: Look, width: u16) -> Vec<Line<'static>> {
    let [bar, marks] = gauge(status, look, width);
    let [ledger, parts] = ledger(&status.ledger, look, width);
    vec![
        state(model, status, look, width),
        bar,
        marks,
        ledger,
        parts,
        promises(model, status, width),
        trouble(model, status, look, width),
        last_event(model, width),
    ]
}

fn style(state: HostState, look: Look) -> Style {
    match state {
        HostState::High | HostState::Clear => look.good(),
        HostState::Soft => look.warning(),
        HostState::Hard | HostState::Low => look.bad(),
    }
}

/// The state, the free memory, and what separates it from the next.
fn state(model: &Model, status: &HostStatus, look: Look, width: u16) -> Line<'static> {
    let free = status.ledger.free_bytes;
    let left = vec![
        Span::styled("state ", TITLE),
        Span::styled(status.state.to_string().to_uppercase(), style(status.state, look)),
        Span::raw(format!("  free {}, {}", mib(free), distance(status))),
    ];
    let mut right = match &model.link {
        Link::Gone(_) => vec![Span::styled("HOST GONE ", look.bad())],
        Link::Back(_) => vec![Span::styled("HOST IS BACK ", look.warning())],
        Link::Up => Vec::new(),
    };
    if model.paused {
        right.push(Span::styled("PAUSED ", look.warning()));
    }
    right.push(Span::raw(format!("{} {}s", clock(status.at_milliseconds), model.interval)));
    both_ends(left, right, width)
}

/// How much more memory is taken until the next lower state begins.
fn distance(status: &HostStatus) -> String {
    let (free, at) = (status.ledger.free_bytes, &status.thresholds);
    let (next, begins) = match status.state {
        HostState::High => ("clear", at.clear_bytes),
        HostState::Clear => ("soft", at.soft_bytes),
        HostState::Soft => ("hard", at.hard_bytes),
        HostState::Hard => ("low", at.low_bytes),
        HostState::Low => {
            return format!("{} under hard", mib(ByteSize(at.low_bytes.0.saturating_sub(free.0))));
        }
    };
    format!("{} above {next}", mib(ByteSize(free.0.saturating_sub(begins.0))))
}

/// Free memory among the thresholds, and their names below.
fn gauge(status: &HostStatus, look: Look, width: u16) -> [Line<'static>; 2] {
    const LABEL: &str = "free  ";
    let (free, at) = (status.ledger.free_bytes.0, &status.thresholds);
    let cells = usize::from(width).saturating_sub(LABEL.len() + 2);
    // A fifth more than what targets aim at; what is free beyond says little.
    let full = (at.high_bytes.0 * 6 / 5).max(1);
    let place = |bytes: u64| ((bytes.min(full) as f64 / full as f64) * cells as f64).round() as usize;
    let thresholds = [
        ("low", at.low_bytes),
        ("hard", at.hard_bytes),
        ("soft", at.soft_bytes),
        ("clear", at.clear_bytes),
        ("high", at.high_bytes),
    ];
    let [filled, empty, mark] = if look.unicode { ['█', '░', '│'] } else { ['#', '.', '|'] };
    let cell = |number: usize| match number {
        _ if thresholds.iter().any(|(_, bytes)| place(bytes.0) == number) => mark,
        _ if number < place(free) => filled,
        _ => empty,
    };
    let (done, rest): (String, String) =
        ((0..place(free)).map(cell).collect(), (place(free)..cells).map(cell).collect());
    let bar = vec![
        Span::styled(LABEL, TITLE),
        Span::raw("["),
        Span::styled(done, style(status.state, look)),
        Span::styled(rest, FAINT),
        Span::raw("]"),
    ];
    let mut marks = " ".repeat(LABEL.len() + 1);
    for (index, (name, bytes)) in thresholds.iter().enumerate() {
        let begin = LABEL.len() + 1 + place(bytes.0);
        let end = thresholds.get(index + 1).map_or(cells, |(_, next)| place(next.0)) + LABEL.len() + 1;
        let with_figure = format!("{name} {}", mib(*bytes));
        let label = if begin + with_figure.len() < end { &with_figure } else { *name };
        // A label that finds its place taken is pushed on.
        let gap = begin.saturating_sub(marks.len()).max(usize::from(index > 0));
        marks += &" ".repeat(gap);
        marks += label;
    }
    [Line::from(bar), Line::styled(fitted(&marks, width.into()), FAINT)]
}

/// What machine memory is used for, and whether that adds up.
fn ledger(of: &Ledger, look: Look, width: u16) -> [Line<'static>; 2] {
    const LABEL: &str = "pool  ";
    let parts = [
        Part::new("private", ['#', '█'], Color::Blue, of.private_bytes.0),
        Part::new("shared", ['=', '▓'], Color::Cyan, of.shared_bytes.0),
        Part::new("zip", ['z', '▒'], Color::Magenta, of.zip_bytes.0),
        Part::new("overhead", ['o', 'o'], Color::Gray, of.set_aside().0),
        Part::new("free", ['.', '·'], Color::Green, of.free_bytes.0),
    ];
    // What is in flight is too little and too short-lived for a place in the bar.
    let verdict = match (of.closes(), of.deficit_bytes) {
        (true, ByteSize(0)) => Span::styled(" closes", look.good()),
        (true, deficit) => Span::styled(format!(" deficit {}", mib(deficit)), look.bad()),
        (false, _) => Span::styled(" DOES NOT CLOSE", look.bad()),
    };
    let total = format!(" {}", mib(of.total_bytes));
    let cells = usize::from(width).saturating_sub(LABEL.len() + 2 + total.len() + verdict.width());
    let mut bar = vec![Span::styled(LABEL, TITLE)];
    bar.extend(stacked(&parts, cells, look));
    bar.extend([Span::raw(total), verdict]);
    let mut named = vec![Span::raw(" ".repeat(LABEL.len()))];
    named.extend(legend(&parts, look));
    [Line::from(bar), Line::from(named)]
}

/// What is promised to how many.
fn promises(model: &Model, status: &HostStatus, width: u16) -> Line<'static> {
    let promised: u64 = status.vms.iter().map(|vm| vm.size_bytes.0).sum();
    let words = format!(
        "overcommitted {:+.0} %: {} for {} of {} VMs; reserved {}, left {}",
        status.overcommitment * 100.0,
        mib(ByteSize(promised)),
        status.vms.len(),
        model.shown.vms.len().max(status.vms.len()),
        mib(status.reserved_bytes),
        mib(status.unreserved_bytes)
    );
    Line::from(vec![Span::styled("VMs   ", TITLE), Span::raw(fitted(&words, usize::from(width) - 6))])
}

/// Who is slowed, who waits for frames, whether anything moves at all.
fn trouble(model: &Model, status: &HostStatus, look: Look, width: u16) -> Line<'static> {
    let stands = status.memory_loop.standstill_seconds;
    let names = |is: fn(&model::VmStatus) -> bool| {
        let names: Vec<&str> = status.vms.iter().filter(|vm| is(vm)).map(|vm| vm.name.as_str()).collect();
        names.join(", ")
    };
    let slowed = names(|vm| vm.slowed);
    let failing = match &model.shown.failing[..] {
        [] => names(|vm| vm.swap_failure.is_some()),
        failing => failing.join(", "),
    };
    let (words, style) = if stands > 0 {
        let failing = if failing.is_empty() { String::new() } else { format!("; swap fails: {failing}") };
        (format!("STANDSTILL for {stands} s: no memory is free and none comes free{failing}"), look.bad())
    } else if !failing.is_empty() {
        (format!("SWAP FAILS: {failing}"), look.bad())
    } else if !slowed.is_empty() {
        (format!("SLOWED by waiting for memory: {slowed}"), look.warning())
    } else {
        ("no VM is slowed, memory moves".to_owned(), look.good())
    };
    let words = fitted(&words, usize::from(width) - 6);
    Line::from(vec![Span::styled("vCPUs ", TITLE), Span::styled(words, style)])
}

fn last_event(model: &Model, width: u16) -> Line<'static> {
    let words = model.shown.event.as_ref().map(crate::view::event).unwrap_or_default();
    let words = fitted(
        words.lines().next().unwrap_or("nothing since this screen is watching"),
        usize::from(width) - 6,
    );
    Line::from(vec![Span::styled("event ", TITLE), Span::styled(words, FAINT)])
}

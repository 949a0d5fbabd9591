//! The screen without a terminal.

use super::draw::{Look, draw};
use super::model::{Ask, Input, Link, Mode, Model, update};
use crate::view::Style;
use client::Message;
use model::{HostStatus, StateSeconds, StreamSnapshot, Totals, UntypedEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

fn vm(name: &str, number: u64) -> Value {
    let mut vm = json!({
        "name": name, "id": number, "uptime_seconds": 3_661.5, "paused": false, "shares": 2560, "bound": "shares",
        "guest": "well", "guest_oom_kills_lately": 0, "active_part": 0.16, "active_error": 0.05, "balloon_conduct": "working", "allowance": "free",
        "running": 0.0, "idle": 1.0, "latency": 0.0, "waiting": 0.0, "slowed": false, "totals": Totals::default(),
    });
    let sizes = [
        ("size", 256),
        ("reservation", 0),
        ("granted", 130),
        ("consumed", 100 + number),
        ("active", 41),
        ("active_write", 20),
        ("private", 80),
        ("shared", 30),
        ("shared_common", 10),
        ("zero", 10),
        ("ballooned", 12),
        ("balloon_target", 20),
        ("compressed", 8),
        ("zip_used", 4),
        ("zip_saved", 4),
        ("swapped", 6),
        ("swap_target", 9),
        ("untouched", 120),
        ("entitlement", 110),
        ("overhead", 9),
        ("overhead_reserved", 20),
        ("worst_case", 64),
        ("balloon_max", 166),
        ("guest_free", 50),
        ("guest_available", 90),
    ];
    for (name, mib) in sizes {
        vm[format!("{name}_bytes")] = (mib * MIB).into();
    }
    for (name, mib) in
        [("swap_in", 1), ("swap_out", 0), ("decompressed", 1), ("compressed", 0), ("scanned", 0)]
    {
        vm[format!("{name}_bytes_per_second")] = (mib * MIB).into();
    }
    vm
}

/// A host of 512 MiB on which these VMs run.
pub(crate) fn host(names: &[&str]) -> HostStatus {
    let vms: Vec<Value> = names.iter().zip(1..).map(|(name, number)| vm(name, number)).collect();
    let sums = vm("all", 0);
    serde_json::from_value(json!({
        "at_milliseconds": 1_000_000, "state": "soft",
        "thresholds": {"high_bytes": 40 * MIB, "clear_bytes": 32 * MIB, "soft_bytes": 20 * MIB, "hard_bytes": 10 * MIB,
            "low_bytes": 5 * MIB},
        "ledger": {"total_bytes": 512 * MIB, "free_bytes": 17 * MIB, "private_bytes": 325 * MIB,
            "shared_bytes": 27 * MIB, "zip_bytes": 12 * MIB, "in_flight_bytes": 0, "overhead_bytes": 131 * MIB,
            "host_overhead_bytes": 10 * MIB, "deficit_bytes": 0, "beside_pool_bytes": 120 * MIB},
        "unreserved_bytes": 180 * MIB, "reserved_bytes": 200 * MIB, "overcommitment": 0.5,
        "swap_total_bytes": 0, "sums": sums, "memory_loop": {"plans": 1, "plan_microseconds": 1, "lag_microseconds": 0,
            "worst_lag_microseconds": 0, "longest_slice_microseconds": 0, "standstill_seconds": 0, "shortages": 0},
        "state_seconds": StateSeconds::default(), "vms": vms, "pools": [],
    }))
    .unwrap()
}

fn snapshot(status: HostStatus) -> Input {
    let pools = serde_json::from_value(json!([
        {"name": "lab", "reservation_bytes": 128 * MIB, "reservation_used_bytes": 64 * MIB, "unreserved_bytes": 64 * MIB},
        {"name": "ci", "parent": "lab", "reservation_used_bytes": 0, "unreserved_bytes": 0},
    ]))
    .unwrap();
    let snapshot = StreamSnapshot {
        last_event: 0,
        vms: Vec::new(),
        pools,
        settings: Vec::new(),
        status,
        alarms: Vec::new(),
    };
    Input::Told(Message::Snapshot(Box::new(snapshot)))
}

fn measured(status: HostStatus) -> Input {
    Input::Told(Message::Status(Box::new(status)))
}

fn event(value: Value) -> Input {
    let event: UntypedEvent = serde_json::from_value(value).unwrap();
    Input::Told(Message::Event(event))
}

fn key(code: KeyCode) -> Input {
    Input::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn after(model: Model, inputs: impl IntoIterator<Item = Input>) -> Model {
    inputs.into_iter().fold(model, update)
}

fn typed(model: Model, text: &str) -> Model {
    after(model, text.chars().map(|letter| key(KeyCode::Char(letter))))
}

fn showing(names: &[&str]) -> Model {
    after(Model::new(2), [snapshot(host(names))])
}

fn drawn_with(model: &Model, color: bool, unicode: bool, size: (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    let look = Look::new(Style { unicode, color, width: size.0.into() });
    terminal.draw(|frame| draw(model, look, frame)).unwrap();
    terminal
}

fn drawn(model: &Model) -> String {
    drawn_with(model, false, false, (80, 24)).backend().to_string()
}

/// The names in the table, from above.
fn listed(model: &Model) -> Vec<String> {
    model.table.rows(model.vms()).iter().map(|vm| vm.name.clone()).collect()
}

#[track_caller]
fn has(screen: &str, parts: &[&str]) {
    for part in parts {
        assert!(screen.contains(part), "'{part}' is not in\n{screen}");
    }
}

#[test]
fn the_host_is_seen_at_80_by_24() {
    let screen = drawn(&showing(&["db", "web"]));
    has(&screen, &["state SOFT  free 17.0, 7.0 above hard", "00:16:40Z 2s"]);
    has(&screen, &["low ", "hard 10.0", "soft 20.0", "clear 32.0", "high"]);
    has(
        &screen,
        &[
            "512.0 closes",
            "# private 325.0",
            "= shared 27.0",
            "z zip 12.0",
            "o overhead 131.0",
            ". free 17.0",
        ],
    );
    has(&screen, &["overcommitted +50 %: 512.0 for 2 of 2 VMs; reserved 200.0, left 180.0"]);
    has(&screen, &["no VM is slowed", "VM^", "CONSUMED", ">db", " web", "102.0", "12/20", "6/9", "? help"]);
}

#[test]
fn trouble_is_said_in_words() {
    let mut status = host(&["db", "web"]);
    status.vms[1].slowed = true;
    let told =
        json!({"seq": 3, "at_milliseconds": 3_723_000, "event": "vm-slowed", "vm": "web", "waits": 0.4});
    let model = after(Model::new(1), [snapshot(status.clone())]);
    status.at_milliseconds += 1000;
    let model = after(model, [event(told), measured(status.clone())]);
    has(&drawn(&model), &["SLOWED by waiting for memory: web", "web !", "vm-slowed  web"]);
    let pane = drawn(&after(model, [key(KeyCode::Down), key(KeyCode::Enter)]));
    has(&pane, &["SLOWED since 01:02:03Z"]);
    status.ledger.free_bytes = status.thresholds.low_bytes;
    status.memory_loop.standstill_seconds = 12;
    status.vms[0].swap_failure = Some("no space left".to_owned());
    let screen = drawn(&after(Model::new(2), [snapshot(status)]));
    has(&screen, &["STANDSTILL for 12 s", "swap fails: db", "DOES NOT CLOSE", "db X"]);
}

#[test]
fn vms_are_sorted_filtered_and_kept_in_sight() {
    let model = showing(&["a", "b", "c"]);
    assert_eq!(listed(&model), ["a", "b", "c"]);
    let model = after(model, [key(KeyCode::Down)]);
    let model = typed(model, ">>");
    assert_eq!(listed(&model), ["c", "b", "a"], "by consumed, the greatest first");
    assert_eq!(model.selected().unwrap().name, "b", "whatever the order");
    let model = typed(model, "r");
    assert_eq!(listed(&model), ["a", "b", "c"]);
    let model = typed(model, "/C");
    assert_eq!(listed(&model), ["c"]);
    has(&drawn(&model), &["filter: C_"]);
    let model = after(model, [key(KeyCode::Enter)]);
    assert_eq!(model.selected().unwrap().name, "c");
    let model = typed(model, "/x");
    has(&drawn(&model), &["no VM has 'Cx' in its name"]);
    let model = after(model, [key(KeyCode::Esc)]);
    assert_eq!(model.selected().unwrap().name, "b");
    let names: Vec<String> = (0..200).map(|number| format!("vm{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = after(showing(&names), [key(KeyCode::End)]);
    has(&drawn(&many), &[">vm199"]);
}

#[test]
fn a_column_that_sorts_is_seen_however_narrow_the_terminal() {
    let model = typed(showing(&["db", "web"]), "<");
    let screen = drawn(&model);
    has(&screen, &["GRANTEDv", ">db", "+"]);
    assert!(!screen.contains("CONSUMED"), "{screen}");
}

#[test]
fn columns_are_chosen() {
    let model = typed(showing(&["db"]), "c");
    has(&drawn(&model), &["[x] SIZE", "what the guest believes to have"]);
    let model = after(model, [key(KeyCode::Char(' ')), key(KeyCode::Enter)]);
    assert!(!drawn(&model).contains("SIZE"));
}

#[test]
fn the_pane_has_both_views_and_asks_why() {
    let mut model = after(showing(&["db", "web"]), [key(KeyCode::Enter)]);
    assert_eq!(model.asks, [Ask::Explain("db".to_owned())]);
    model.asks.clear();
    let model = after(model, [Input::Explained(Err("the host broke off".to_owned()))]);
    has(
        &drawn(&model),
        &["db, up 1h 01m 01s", "has 256.0; says free 50.0, available 90.0; uses 41.0 within 5 %"],
    );
    has(
        &drawn(&model),
        &["gives 101.0 of 110.0 entitled (shares)", "b balloon 12", "0 zero 10", "untouched 120"],
    );
    has(
        &drawn(&model),
        &[
            "balloon 12.0 -> 20.0 of 166.0, driver working; swap 6.0 -> 9.0 at most",
            "no explanation: the host broke off",
        ],
    );
    let model = after(model, [key(KeyCode::Down), key(KeyCode::Up), key(KeyCode::Down)]);
    assert_eq!(model.asks, [Ask::Explain("web".to_owned())], "one question at a time");
    let model = after(model, [key(KeyCode::Esc)]);
    assert!(!model.pane);
}

#[test]
fn pools_are_a_tree_with_what_lies_within() {
    let mut status = host(&["db", "web"]);
    status.vms[0].pool = Some("ci".to_owned());
    let model = after(Model::new(2), [snapshot(status), key(KeyCode::Tab)]);
    let screen = drawn(&model);
    has(&screen, &[">the host", "   lab", "     ci"]);
    let lab = screen.lines().find(|line| line.contains(" lab ")).unwrap();
    assert!(
        lab.contains("128.0") && lab.contains("101.0") && lab.trim_end_matches('"').ends_with('1'),
        "{lab}"
    );
    let model =
        after(model, [event(json!({"seq": 1, "at_milliseconds": 0, "event": "pool-removed", "pool": "ci"}))]);
    assert_eq!(model.asks, [Ask::Pools], "what a pool is now is not in its event");
}

#[test]
fn a_paused_screen_stands_still_and_an_interval_is_kept() {
    let at = |seconds: u64, names: &[&str]| {
        let mut status = host(names);
        status.at_milliseconds += seconds * 1000;
        measured(status)
    };
    let mut model = showing(&["db"]);
    model.changed = false;
    let mut model = after(model, [at(1, &["db", "web"])]);
    assert!(!model.changed && listed(&model) == ["db"], "not before the interval is over");
    model = after(model, [at(2, &["db", "web"])]);
    assert!(model.changed && listed(&model) == ["db", "web"]);
    model = typed(model, "p");
    model = after(model, [at(60, &["db"])]);
    assert_eq!(listed(&model), ["db", "web"]);
    has(&drawn(&model), &["PAUSED", "00:16:42Z"]);
    model = typed(model, "p");
    assert_eq!(listed(&model), ["db"]);
    model = typed(model, "+++++++");
    assert_eq!(model.interval, 60);
    model = typed(model, "-");
    assert_eq!(model.interval, 30);
}

#[test]
fn a_host_that_goes_and_returns_is_said_to() {
    let mut model = after(showing(&["db"]), [Input::Lost("no host answers".to_owned())]);
    has(&drawn(&model), &["HOST GONE", "HOST GONE: no host answers; looking for it", ">db"]);
    model.changed = false;
    let model = after(model, [Input::Lost("no host answers".to_owned())]);
    assert!(!model.changed, "the same is not drawn again");
    let mut status = host(&["web"]);
    // Its clock was put back meanwhile.
    status.at_milliseconds = 500_000;
    let model = after(model, [snapshot(status.clone())]);
    has(&drawn(&model), &["HOST IS BACK", ">web"]);
    status.at_milliseconds += 11_000;
    let model = after(model, [measured(status)]);
    assert_eq!(model.link, Link::Up);
}

#[test]
fn help_is_read_to_its_end() {
    let model = typed(showing(&["db"]), "?");
    has(&drawn(&model), &["help", "another VM", "sort by another column"]);
    let end = after(model, (0..9).map(|_| key(KeyCode::PageDown)));
    has(&drawn(&end), &["UP         how long it has been running"]);
    let model = after(end, [key(KeyCode::Esc)]);
    assert!(!drawn(&model).contains("another VM"));
    assert_eq!(typed(model, "q").mode, Mode::Left);
}

#[test]
fn every_mode_is_drawn_at_every_size() {
    let mut models = vec![showing(&[]), Model::new(2), after(showing(&["db"]), [key(KeyCode::Tab)])];
    for keys in ["?", "c", "/db", "e"] {
        models.push(after(typed(showing(&["db", "web"]), keys), [Input::Resized]));
    }
    models.push(after(showing(&["db", "web"]), [key(KeyCode::Enter)]));
    for model in &models {
        for (width, height) in [(1, 1), (39, 12), (40, 12), (80, 24), (200, 60), (60, 13)] {
            let screen = drawn_with(model, true, true, (width, height)).backend().to_string();
            assert_eq!(screen.contains("too small"), width == 39, "{width} x {height}\n{screen}");
        }
    }
}

#[test]
fn without_color_the_same_is_said() {
    let model = after(showing(&["db", "web"]), [key(KeyCode::Enter)]);
    let [plain, colored] = [false, true].map(|color| drawn_with(&model, color, true, (80, 24)));
    assert_eq!(plain.backend().to_string(), colored.backend().to_string());
    let colors = |terminal: &Terminal<TestBackend>| {
        terminal.backend().buffer().content().iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert_eq!(colors(&plain), 0);
    assert!(colors(&colored) > 0);
}

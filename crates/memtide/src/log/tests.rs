use super::*;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn writer(&self) -> impl Fn() -> Self + Send + Sync + 'static {
        let this = self.clone();
        move || this.clone()
    }
}

fn logged(sink: Sink, level: LogLevel, work: impl FnOnce()) {
    tracing::subscriber::with_default(Registry::default().with(passed(level)).with(sink), work);
}

fn something() {
    tracing::info!(seq = 7, event = "vm-started", vm = "web", details = "{}", "vm-started  web");
    tracing::debug!("decided");
    tracing::info!(target: "hyper", "chatter");
    tracing::warn!(target: "hyper", "broken");
}

#[test]
fn text_is_said_once_and_coloured_if_wanted() {
    let written = Written::default();
    logged(text(written.writer(), false), LogLevel::Info, something);
    let said = written.text();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("Z  INFO vm-started  web seq=7"), "{said}");
    assert!(lines[1].ends_with("Z  WARN broken"), "{said}");
    assert_eq!(lines.len(), 2, "{said}");
    let coloured = Written::default();
    logged(text(coloured.writer(), true), LogLevel::Info, something);
    assert!(coloured.text().contains("\x1b[32m"), "{}", coloured.text());
}

#[test]
fn nobody_writes_lines_or_sequences_of_their_own_into_the_log() {
    let written = Written::default();
    let forged = "vm-changed  web  append a\n2026-01-01T00:00:00Z ERROR forged\x1b]0;title\x07\u{9b}2J";
    logged(text(written.writer(), false), LogLevel::Info, || tracing::info!(vm = forged, "{forged}"));
    let said = written.text();
    assert_eq!(said.lines().count(), 1, "{said}");
    let written_out = "append a\\n2026-01-01T00:00:00Z ERROR forged\\u{1b}]0;title\\u{7}\\u{9b}2J";
    assert!(said.trim_end().ends_with(written_out), "{said}");
}

#[test]
fn json_has_every_field_on_a_line() {
    let written = Written::default();
    logged(json(written.writer()), LogLevel::Debug, something);
    let said = written.text();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert_eq!(
        (&lines[0]["level"], &lines[0]["event"], &lines[0]["vm"], &lines[0]["seq"]),
        (&"INFO".into(), &"vm-started".into(), &"web".into(), &7.into())
    );
    assert_eq!(lines[1]["message"], "decided");
}

#[test]
fn what_is_off_says_nothing() {
    let written = Written::default();
    logged(text(written.writer(), false), LogLevel::Off, something);
    assert_eq!(written.text(), "");
}

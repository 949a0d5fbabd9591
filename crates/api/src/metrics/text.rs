//! The text format 0.0.4 of Prometheus, as far as it is needed here.
//!
//! Names of VMs, resource pools and rules need no escapes in it: they are letters, digits, `-`, `_` and `.`.

use std::fmt::{Display, Write};

/// Figures as they are written.
pub(super) struct Text(pub(super) String);

/// A figure of many things: its name, its meaning, and where it is.
pub(super) type Figure<T, V> = (&'static str, &'static str, fn(&T) -> V);

impl Text {
    /// Begins a figure, whose samples follow.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "{name}");
        for (at, (label, of)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{of}\"");
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    /// A figure of what is.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// A figure of what only grows.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.sample(name, &[], value);
    }
}

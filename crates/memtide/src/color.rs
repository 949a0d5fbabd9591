//! Colour: on a terminal, unless `--color`, `NO_COLOR` or `CLICOLOR_FORCE` say otherwise.

use crate::error::Error;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

/// Goes by `--color`, wherever it stands: before the command line is read, as errors in that are coloured too.
pub(crate) fn choose() {
    asked(std::env::args_os().filter_map(|arg| arg.into_string().ok())).write_global();
}

fn asked(mut args: impl Iterator<Item = String>) -> ColorChoice {
    let mut when = None;
    while let Some(arg) = args.next().filter(|arg| arg != "--") {
        if arg == "--color" {
            when = args.next();
        } else if let Some(value) = arg.strip_prefix("--color=") {
            when = Some(value.to_owned());
        }
    }
    match when.as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Whether an output is to be coloured.
pub(crate) fn wanted<S: RawStream>(output: &S) -> bool {
    AutoStream::choice(output) != ColorChoice::Never
}

/// Says on standard error what went wrong.
pub(crate) fn print_error(error: &Error) {
    let text = error.to_string();
    let bold = |text: &str, word: &str, color: u8| match text.strip_prefix(word) {
        Some(rest) => format!("\x1b[1;{color}m{word}\x1b[0m{rest}"),
        None => text.to_owned(),
    };
    for line in text.lines() {
        anstream::eprintln!("{}", bold(&bold(line, "error:", 31), "hint:", 36));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_said_counts() {
        let asked = |line: &str| asked(line.split(' ').map(str::to_owned));
        assert_eq!(asked("memtide ls"), ColorChoice::Auto);
        assert_eq!(asked("memtide --color=never ls"), ColorChoice::Never);
        assert_eq!(asked("memtide ls --color never --color always"), ColorChoice::Always);
        assert_eq!(asked("memtide ls -- --color=never"), ColorChoice::Auto);
    }
}

//! Colour: on a terminal, unless `--color`, `NO_COLOR` or `CLICOLOR_FORCE` say otherwise.

use crate::error::Error;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use vm::plain::plain_lines;

pub(crate) const PLAIN: &str = "\x1b[0m";
pub(crate) const BOLD: &str = "\x1b[1m";
pub(crate) const YELLOW: &str = "\x1b[33m";
pub(crate) const GOOD: &str = "\x1b[1;32m";
pub(crate) const DOUBTFUL: &str = "\x1b[1;33m";
pub(crate) const BAD: &str = "\x1b[1;31m";
/// All that this program writes to style its output: what of anybody's text looks like something else is written out.
const STYLES: [&str; 6] = [PLAIN, BOLD, YELLOW, GOOD, DOUBTFUL, BAD];

/// A text for a terminal: what in it would do more than show itself is written out, but for our own styles, if they are wanted.
pub(crate) fn presentable(text: &str, styled: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b').filter(|_| styled) {
        shown += &plain_lines(&rest[..at]);
        rest = &rest[at..];
        let style = STYLES.into_iter().find(|style| rest.starts_with(style));
        shown += style.unwrap_or("\\u{1b}");
        rest = &rest[style.map_or(1, str::len)..];
    }
    shown + &plain_lines(rest)
}

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
    let text = presentable(&error.to_string(), false);
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
    fn only_our_own_styles_reach_a_terminal() {
        let text = "\x1b[1mNAME\x1b[0m\na\x1b]0;title\x07\x1b[2J\u{9b}2J\u{202e}b\r\n";
        let written_out = "a\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{9b}2J\\u{202e}b\\r\n";
        assert_eq!(presentable(text, true), format!("\x1b[1mNAME\x1b[0m\n{written_out}"));
        let bare = presentable(text, false);
        assert_eq!(bare, format!("\\u{{1b}}[1mNAME\\u{{1b}}[0m\n{written_out}"));
    }

    #[test]
    fn the_last_one_said_counts() {
        let asked = |line: &str| asked(line.split(' ').map(str::to_owned));
        assert_eq!(asked("memtide ls"), ColorChoice::Auto);
        assert_eq!(asked("memtide --color=never ls"), ColorChoice::Never);
        assert_eq!(asked("memtide ls --color never --color always"), ColorChoice::Always);
        assert_eq!(asked("memtide ls -- --color=never"), ColorChoice::Auto);
    }
}

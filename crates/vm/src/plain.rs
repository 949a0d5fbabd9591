//! Text that does nothing to whoever looks at it: what users and guests write is shown on terminals and written into logs.
//!
//! **Model.** What is no letter, mark, sign or space, and would move a terminal's cursor, set its title, ring its bell, end a line of a log or turn
//! the direction of writing about, is *not plain*. Names and the like that are not plain are refused where they are given ([`check`]); whatever is shown goes
//! through [`plain`], wherever it comes from. Consoles are the exception: what a guest writes there is its own.

use std::borrow::Cow;

/// Whether a character only shows itself.
pub fn is_plain(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_a_line = matches!(c, '\u{2028}' | '\u{2029}');
    let hides = matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !(c.is_control() || turns || ends_a_line || hides)
}

/// `text` with what is not plain written out: `\u{1b}`, `\n`.
pub fn plain(text: &str) -> Cow<'_, str> {
    plain_but(text, |_| false)
}

/// The same of a text that may have several lines.
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    plain_but(text, |c| c == '\n')
}

fn plain_but(text: &str, passes: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(|c| is_plain(c) || passes(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_plain(c) || passes(c) {
            shown.push(c);
        } else {
            // `escape_default` would write out every letter beyond ASCII, and is right for the others.
            shown.extend(c.escape_default());
        }
    }
    Cow::Owned(shown)
}

/// Refuses what is not plain or longer than `most` bytes; says why.
///
/// # Errors
/// What is wrong, after the name of the field.
pub fn check(text: &str, most: usize) -> Result<(), String> {
    if text.len() > most {
        return Err(format!("has {} bytes, and {most} are the most it may have", text.len()));
    }
    match text.chars().find(|&c| !is_plain(c)) {
        Some(c) => Err(format!("has the character {}, which is none to be shown", c.escape_default())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: [(&str, &str); 8] = [
        ("a\x1b]0;title\x07b", "a\\u{1b}]0;title\\u{7}b"),
        ("a\nFAKE LOG LINE", "a\\nFAKE LOG LINE"),
        ("a\0", "a\\u{0}"),
        ("a\u{9b}2J", "a\\u{9b}2J"),
        ("a\u{202e}b", "a\\u{202e}b"),
        ("a\u{2066}b", "a\\u{2066}b"),
        ("a\u{7f}\t\r", "a\\u{7f}\\t\\r"),
        ("a\u{2028}b", "a\\u{2028}b"),
    ];

    #[test]
    fn what_does_something_is_written_out_and_refused() {
        for (text, shown) in BAD {
            assert_eq!(plain(text), shown);
            assert!(plain(text).chars().all(is_plain));
            assert!(check(text, 100).unwrap_err().contains("which is none to be shown"));
        }
        assert_eq!(plain_lines("a\nb\x1b"), "a\nb\\u{1b}");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["console=ttyS0 quiet=\"a b\"", "Grüße, 世界", "שלום", "👨‍👩‍👧", "", "/srv/a b/Image"]
        {
            assert!(matches!(plain(text), Cow::Borrowed(same) if same == text));
            check(text, 100).unwrap();
        }
        assert!(check("abc", 2).unwrap_err().contains("has 3 bytes, and 2 are the most"));
    }
}

//! Writing to standard output.
//!
//! **Not here.** What users and guests wrote does nothing to a terminal: texts go through [`presentable`], and in JSON it is written
//! out as JSON has it. Consoles and answers that are asked for as they are go through [`print_bytes`].

use crate::args::DocumentFormat;
use crate::color::{self, presentable};
use crate::error::Error;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write, stdout};
use vm::plain::is_plain;

/// Prints to standard output. A reader that has seen enough is no failure, but the end.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    print_bytes(presentable(text, color::wanted(&stdout())).as_bytes())
}

/// The same for what may not be text.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Error> {
    if !write(bytes)? {
        std::process::exit(0);
    }
    Ok(())
}

/// Writes to standard output; says whether anybody reads it.
pub(crate) fn write(bytes: &[u8]) -> Result<bool, Error> {
    let mut output = stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::new(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(true),
    }
}

/// For people and programs that read a document.
pub(crate) fn json(value: &impl Serialize) -> String {
    written_out(&serde_json::to_string_pretty(value).expect("answers are JSON")) + "\n"
}

/// JSON with every character escaped that does more than show itself; those are in strings only, but for the ends of lines.
pub(crate) fn written_out(json: &str) -> String {
    if json.chars().all(|c| is_plain(c) || c == '\n') {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) || c == '\n' {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// Rows of cells for spreadsheets.
pub(crate) fn csv(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes what is written");
    }
    String::from_utf8(writer.into_inner().expect("memory takes what is written")).expect("text stays text")
}

/// The same as YAML.
pub(crate) fn yaml(value: &impl Serialize) -> String {
    let mut text = serde_saphyr::to_string(value).expect("answers are JSON, so they are YAML");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Prints a document or text, as the user wants it.
pub(crate) fn show<T: Serialize>(
    value: &T,
    format: DocumentFormat,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Error> {
    print(&match format {
        DocumentFormat::Json => json(value),
        DocumentFormat::Yaml => yaml(value),
        DocumentFormat::Table => text(value),
    })
}

/// For programs that read line by line.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    written_out(&serde_json::to_string(value).expect("answers are JSON")) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_does_nothing_to_a_terminal_and_means_the_same() {
        let value = json!({"a": "\x1b[2J\u{9b}2J\u{202e}\u{e0001}\n"});
        for text in [json(&value), json_line(&value)] {
            assert!(text.chars().all(|c| is_plain(c) || c == '\n'), "{text:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        assert!(json_line(&value).contains("\\u009b2J\\u202e\\udb40\\udc01"), "{}", json_line(&value));
    }

    #[test]
    fn yaml_says_what_json_says() {
        let text = yaml(
            &json!({"name": "no", "size_bytes": 18_446_744_073_709_551_615_u64, "pool": null, "list": []}),
        );
        assert_eq!(text, "list: []\nname: \"no\"\npool: null\nsize_bytes: 18446744073709551615\n");
    }
}

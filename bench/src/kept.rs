//! The part of a report that people write, which a program that writes the rest anew must keep.

use std::path::Path;

const BEGIN: &str = "<!-- written by hand: begin -->\n";
const END: &str = "<!-- written by hand: end -->\n";

/// The part of the report that people wrote; empty if there is no report yet.
///
/// # Errors
/// A report that cannot be read, or that has no such part.
pub fn kept_part(report: &Path) -> Result<String, String> {
    let text = match std::fs::read_to_string(report) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(format!("cannot read '{}': {error}", report.display())),
    };
    kept(&text).map(str::to_owned).ok_or_else(|| {
        format!("'{}' has no part between '{}' and '{}' to keep", report.display(), BEGIN.trim(), END.trim())
    })
}

fn kept(text: &str) -> Option<&str> {
    Some(text.split_once(BEGIN)?.1.split_once(END)?.0)
}

/// The part with the marks by which it is found again.
pub fn marked(kept: &str) -> String {
    format!("{BEGIN}{kept}{END}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_kept() {
        assert_eq!(kept(&format!("old\n{}old", marked("ours\n"))), Some("ours\n"));
        assert_eq!(kept("a report without markers"), None);
        assert_eq!(kept(&format!("{BEGIN}no end")), None);
        assert_eq!(kept_part(Path::new("/no/such/report")), Ok(String::new()));
    }
}

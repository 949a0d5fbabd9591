//! The number of a group of users.

use crate::error::Error;

/// A group's number.
pub(crate) fn group(text: &str) -> Result<u32, Error> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    number_of(text, &groups).ok_or_else(|| {
        Error::new(format!("there is no group '{text}'"))
            .hint("--socket-group takes a name in /etc/group, or a number")
    })
}

/// The number of a group in a file like `/etc/group`: `name:password:number:members`.
fn number_of(name: &str, groups: &str) -> Option<u32> {
    let mut lines = groups.lines().map(|line| line.split(':'));
    let mut line = lines.find(|line| line.clone().next() == Some(name))?;
    line.nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_their_whole_names() {
        let groups = "root:x:0:\nkvm:x:104:ann,bob\nbroken\nmemtide:x:998:\n";
        assert_eq!((number_of("kvm", groups), number_of("memtide", groups)), (Some(104), Some(998)));
        assert_eq!(
            (number_of("kv", groups), number_of("broken", groups), number_of("", groups)),
            (None, None, None)
        );
    }
}

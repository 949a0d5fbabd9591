//! Which name was meant, where there is none as it was written.

/// The name most like another; none if all are too different to be meant.
pub(crate) fn closest(name: &str, names: Vec<String>) -> Option<String> {
    let name = name.to_lowercase();
    let most = (name.chars().count() / 3).max(1);
    let distance = |known: &String| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    let known = names.into_iter().map(|known| (distance(&known), known)).min()?;
    Some(known.1).filter(|_| known.0 <= most)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_is_seen_through_and_a_stranger_is_not() {
        let meant = |name: &str| {
            closest(name, ["web", "web2", "database", "Mem.IdleTax"].map(str::to_owned).to_vec())
        };
        assert_eq!(meant("wbe").as_deref(), Some("web"));
        assert_eq!(meant("WEB2").as_deref(), Some("web2"));
        assert_eq!(meant("databsae").as_deref(), Some("database"));
        assert_eq!(meant("mem.idletx").as_deref(), Some("Mem.IdleTax"));
        assert_eq!(meant("nobody"), None);
        assert_eq!(closest("web", Vec::new()), None);
    }
}

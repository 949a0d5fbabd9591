//! A setting, and what would be if.

use super::table::Align::Left;
use super::table::lay_out;
use model::{Setting, Shift, VmShift, WhatIf};
use std::fmt::Write;

fn titled<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Vec<Vec<String>> {
    std::iter::once(titles.map(str::to_owned).to_vec()).chain(rows.map(|row| row.to_vec())).collect()
}

fn value(value: u32, unit: &str) -> String {
    if unit.is_empty() { value.to_string() } else { format!("{value} {unit}") }
}

/// One setting.
pub(crate) fn setting(of: &Setting) -> String {
    let now = value(of.value, &of.unit);
    format!("{}: {now} (default {}, {} to {})\n{}\n", of.name, of.default, of.least, of.most, of.meaning)
}

/// The same, which had the value `before`.
pub(crate) fn setting_changed(of: &Setting, before: u32) -> String {
    let (was, is) = (value(before, &of.unit), value(of.value, &of.unit));
    if was == is {
        format!("{}: is {is} already\n", of.name)
    } else {
        format!("{}: {was} -> {is}\n", of.name)
    }
}

fn shift(shift: Shift) -> String {
    let Shift { before_bytes, after_bytes } = shift;
    change(before_bytes.to_string(), &after_bytes.to_string())
}

fn change(before: String, after: &str) -> String {
    if before == after { before } else { format!("{before} -> {after}") }
}

/// What would be different, a line for each VM.
pub(crate) fn what_if(of: &WhatIf) -> String {
    let mut text = match &of.refusal {
        Some(why) => format!("It would be refused: {why}. If it was not:\n"),
        None => String::new(),
    };
    let for_guests =
        Shift { before_bytes: of.for_guests_before_bytes, after_bytes: of.for_guests_after_bytes };
    let state = change(of.state_before.to_string(), &of.state_after.to_string());
    let _ = writeln!(text, "state {state}, {} for guests", shift(for_guests));
    if of.vms.is_empty() {
        return text + "nothing would be different for any VM\n";
    }
    let row = |vm: &VmShift| {
        let name = vm.name.clone().unwrap_or_else(|| "(the new one)".to_owned());
        [name, shift(vm.entitlement), shift(vm.balloon_target), shift(vm.swap_target), shift(vm.worst_case)]
    };
    let titles = ["VM", "ENTITLED TO", "BALLOON", "SWAPPED AT MOST", "WORST CASE"];
    text + &lay_out(&[Left; 5], &titled(titles, of.vms.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::ByteSize;
    use model::HostState;

    fn shift_of(before: u64, after: u64) -> Shift {
        Shift { before_bytes: ByteSize::mib(before), after_bytes: ByteSize::mib(after) }
    }

    #[test]
    fn only_what_differs_has_an_arrow() {
        let same = shift_of(64, 64);
        let vm = VmShift {
            name: Some("web".to_owned()),
            entitlement: shift_of(64, 128),
            worst_case: same,
            balloon_target: same,
            swap_target: same,
        };
        let of = WhatIf {
            refusal: None,
            state_before: HostState::High,
            state_after: HostState::Soft,
            for_guests_before_bytes: ByteSize::mib(400),
            for_guests_after_bytes: ByteSize::mib(400),
            vms: vec![vm],
        };
        let text = what_if(&of);
        assert!(text.starts_with("state high -> soft, 400 MiB for guests\n"), "{text}");
        assert!(text.contains("web  64 MiB -> 128 MiB  64 MiB"), "{text}");
    }
}

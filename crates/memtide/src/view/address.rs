//! One address through all levels.

use super::table::Align::{Left, Right};
use super::table::lay_out;
use model::inspect::map::{Address, Agreement, Page};
use std::fmt::Write;

/// The guest's walk, the pmap, the shadow entry, and whether they agree.
pub(super) fn show(address: &Address) -> String {
    let space = &address.space;
    let mut text = format!(
        "{}, CPU {}, {} MMU: {} address space {}, root table at gfn {}\n\n",
        address.name, address.cpu, address.technique, space.mode, space.asid, space.root_table_gfn
    );
    let _ = writeln!(text, "guest virtual   {}", address.gva);
    text.push_str(&walk(address));
    let physical =
        address.gpa.map_or("none: the walk does not lead to a page".to_owned(), |gpa| gpa.to_string());
    let _ = writeln!(text, "guest physical  {physical}");
    let pmap = match (&address.page, address.gpa) {
        (Some(page), _) => describe(page),
        (None, Some(_)) => "not memory: a device, or nothing".to_owned(),
        (None, None) => "nothing to look up".to_owned(),
    };
    let _ = writeln!(text, "pmap            {pmap}");
    let machine = address.machine.map_or("none".to_owned(), |ma| ma.to_string());
    let _ = writeln!(text, "machine         {machine}");
    let _ = writeln!(text, "shadow entry    {}", shadow(address));
    let _ = writeln!(text, "verdict         {}", verdict(address));
    text
}

fn walk(address: &Address) -> String {
    if !address.canonical {
        return "  not canonical: its upper bits are not copies of the highest that counts, and using it is a fault\n"
            .to_owned();
    }
    if address.walk.is_empty() {
        return "  translation is off: the guest physical address is the same\n".to_owned();
    }
    let row = |level: &model::inspect::map::WalkStep| {
        vec![
            format!("  level {}", level.level),
            format!("table gfn {}", level.table_gfn),
            format!("index {}", level.index),
            level.entry.map_or("unreadable".to_owned(), |entry| format!("{entry:#018}")),
            level.letters.clone().unwrap_or_default(),
            level.meaning.clone(),
        ]
    };
    lay_out(&[Left, Left, Right, Right, Left, Left], &address.walk.iter().map(row).collect::<Vec<_>>())
}

fn describe(page: &Page) -> String {
    let passage = if page.in_passage { ", in passage to another state" } else { "" };
    match page.mfn {
        Some(mfn) => format!("gfn {} is {} in mfn {mfn}{passage}", page.gfn, page.state),
        None => format!("gfn {} is {} and has no frame{passage}", page.gfn, page.state),
    }
}

fn shadow(address: &Address) -> String {
    match &address.shadow {
        None => "none".to_owned(),
        Some(entry) => format!(
            "gfn {} in mfn {}, {}{}{}{}",
            entry.gfn,
            entry.mfn,
            entry.permissions,
            if entry.writes_pass { ", writes pass" } else { ", the first write faults" },
            if entry.global { ", for every address space" } else { "" },
            if entry.stale { ", stale" } else { "" },
        ),
    }
}

fn verdict(address: &Address) -> &'static str {
    match address.agreement {
        Agreement::Agree => "agree: the shadow entry leads where walk and pmap lead",
        Agreement::Disagree => {
            "DISAGREE: the shadow entry leads elsewhere than walk and pmap; \
             right only if the guest changed its tables and has not fenced yet"
        }
        Agreement::Stale => {
            "nothing to compare: the guest fenced since; the entry is compared before it is used again"
        }
        Agreement::NothingToCompare if address.technique == "hardware" => {
            "nothing to compare: the hardware technique has no shadow entries"
        }
        Agreement::NothingToCompare => "nothing to compare: no shadow entry has been made",
    }
}

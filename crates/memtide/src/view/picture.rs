//! Some pages of an address space, through all three.

use super::Style;
use super::table::{Align, lay_out};
use crate::report::map::Map;
use std::fmt::Write;

/// Maps, one below the other.
pub(crate) fn pictures(maps: &[Box<Map>], style: Style) -> String {
    maps.iter().map(|map| picture(map, style)).collect::<Vec<_>>().join("\n")
}

fn picture(map: &Map, style: Style) -> String {
    let (arrow, shadow) = if style.unicode { ("→", "⇢ shadow") } else { ("->", "~> shadow") };
    let mut text = String::new();
    let space = &map.space;
    let _ = writeln!(
        text,
        "{}, CPU {}, {} MMU: {} address space {}",
        map.name, map.cpu, map.technique, space.mode, space.asid
    );
    let row = |page: &crate::report::map::Mapped| {
        vec![
            page.gva.to_string(),
            page.permissions.clone(),
            arrow.to_owned(),
            page.gfn.to_string(),
            arrow.to_owned(),
            page.mfn.map_or("no frame".to_owned(), |mfn| mfn.to_string()),
            if page.shadowed { shadow.to_owned() } else { String::new() },
        ]
    };
    text + &lay_out(&[Align::Left; 7], &map.sample.iter().map(row).collect::<Vec<_>>())
}

//! The picture of a map, in characters.

use super::Style;
use super::canvas::{Canvas, Ink};
use super::lanes::{Lanes, Slot, census, heading, private_share};
use model::inspect::map::Map;
use std::fmt::Write;

/// Widest number and note of each lane.
const VIRTUAL: usize = 23;
const PHYSICAL: usize = 19;
const MACHINE: usize = 12;
/// Between two lanes, at least and at most.
const GAP: std::ops::RangeInclusive<usize> = 10..=20;
/// Between two VMs.
const MARGIN: usize = 4;
/// Rows from one slot of a lane to the next, so that lines can be told apart.
const PITCH: usize = 2;

const LANES: usize = VIRTUAL + PHYSICAL + MACHINE;

/// The VMs' pictures, side by side if they fit.
pub(crate) fn pictures(maps: &[Box<Map>], style: Style) -> String {
    let least = LANES + 2 * GAP.start();
    let fitting = ((style.width + MARGIN) / (least + MARGIN)).clamp(1, maps.len().max(1));
    let width = (style.width + MARGIN) / fitting - MARGIN;
    let gap = (width.saturating_sub(LANES) / 2).clamp(*GAP.start(), *GAP.end());
    let rows: Vec<String> = maps.chunks(fitting).map(|row| side_by_side(row, gap, style)).collect();
    rows.join("\n") + LEGEND[usize::from(style.unicode)]
}

const LEGEND: [&str; 2] = [
    "\n--- guest's page tables, then the VM's pmap   . . shadow entry: straight to the frame\n",
    "\n⠒⠒⠒ guest's page tables, then the VM's pmap   ⠂⠄⠂ shadow entry: straight to the frame\n",
];

fn side_by_side(maps: &[Box<Map>], gap: usize, style: Style) -> String {
    let lanes: Vec<Lanes> = maps.iter().map(|map| Lanes::new(&map.sample)).collect();
    let height = lanes.iter().map(Lanes::height).max().unwrap_or(0).max(1) * PITCH;
    let step = LANES + 2 * gap + MARGIN;
    let mut canvas = Canvas::new(step * maps.len(), height + 3, style.unicode);
    let mut text = String::new();
    for (index, (map, lanes)) in maps.iter().zip(&lanes).enumerate() {
        let _ = writeln!(text, "{}\n{} {}", heading(map), bar(private_share(map), style), census(map));
        draw(&mut canvas, index * step, gap, lanes, height);
    }
    text + "\n" + &canvas.render(style.color).join("\n") + "\n"
}

fn bar(share: f64, style: Style) -> String {
    const LENGTH: usize = 24;
    let (full, empty) = if style.unicode { ("█", "░") } else { ("#", "-") };
    let filled = (share * LENGTH as f64).ceil().min(LENGTH as f64) as usize;
    format!("[{}{}]", full.repeat(filled), empty.repeat(LENGTH - filled))
}

/// Draws a VM's lanes from column `left` on.
fn draw(canvas: &mut Canvas, left: usize, gap: usize, lanes: &Lanes, height: usize) {
    const TOP: usize = 2;
    let columns = [left, left + VIRTUAL + gap, left + VIRTUAL + gap + PHYSICAL + gap];
    let titles = ["guest virtual", "guest physical, gfn", "machine, mfn"];
    for (x, title) in columns.into_iter().zip(titles) {
        canvas.text(x, 0, title);
    }
    // A lane shorter than the others is spread over their height.
    let row = |lane: &[Slot], place: usize| TOP + place * height / lane.len();
    let (from, through, to) = (&lanes.virtuals, &lanes.physicals, &lanes.machines);
    for &(a, b) in &lanes.walks {
        canvas.line((columns[0] + VIRTUAL, row(from, a)), (columns[1] - 2, row(through, b)), Ink::Solid);
    }
    for &(a, b) in &lanes.places {
        canvas.line((columns[1] + PHYSICAL, row(through, a)), (columns[2] - 2, row(to, b)), Ink::Solid);
    }
    for &(a, b) in &lanes.shadows {
        canvas.line((columns[0] + VIRTUAL, row(from, a)), (columns[2] - 2, row(to, b)), Ink::Dotted);
    }
    for (x, (lane, width)) in columns.into_iter().zip([(from, VIRTUAL), (through, PHYSICAL), (to, MACHINE)]) {
        for (place, slot) in lane.iter().enumerate() {
            let text = format!("{} {}", slot.number, slot.note);
            let text = if x == columns[2] { text.trim_end().to_owned() } else { format!("{text:<width$}") };
            canvas.text(x, row(lane, place), &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::tests::page;
    use super::*;
    use model::inspect::Hex;
    use model::inspect::map::Space;
    use model::inspect::statistics::Pages;

    fn map(name: &str) -> Box<Map> {
        Box::new(Map {
            name: name.to_owned(),
            cpu: 0,
            technique: "software".to_owned(),
            space: Space { mode: "sv39".to_owned(), asid: 3, root_table_gfn: Hex(0x80100) },
            pages: Pages { untouched_bytes: 3 << 20, private_bytes: 1 << 20, ..Pages::default() },
            first_gfn: Hex(0x80000),
            guest_frames: 1024,
            pool_frames: 2048,
            mapped_pages: 2,
            shadow_entries: 1,
            sample: vec![page(0x1000, 0x80007, Some(0x11), true), page(0x2000, 0x80003, Some(0x99), false)],
        })
    }

    #[test]
    fn two_vms_stand_side_by_side_if_they_fit() {
        let style = |width| Style { unicode: false, color: false, width };
        let maps = [map("left"), map("right")];
        let wide = pictures(&maps, style(200));
        let titles = |text: &str| text.lines().filter(|line| line.contains("machine, mfn")).count();
        assert_eq!(titles(&wide), 1, "{wide}");
        assert_eq!(titles(&pictures(&maps, style(80))), 2);
        assert!(wide.is_ascii(), "{wide}");
        assert!(
            wide.contains("0x80007") && wide.contains("0x99") && wide.contains("1 MiB private"),
            "{wide}"
        );
    }

    #[test]
    fn a_vm_without_mapped_pages_can_be_drawn() {
        let mut empty = map("empty");
        empty.sample.clear();
        let text = pictures(&[empty], Style { unicode: true, color: true, width: 80 });
        assert!(text.contains("guest virtual"), "{text}");
    }
}

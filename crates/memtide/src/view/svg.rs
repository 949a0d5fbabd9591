//! The picture of a map as SVG: self-contained, and legible on light and on dark ground.
//!
//! Colours stand in attributes, for readers that know no style sheets, and are replaced by the style sheet on dark
//! ground.

use super::lanes::{Lanes, Slot, census, heading, private_share};
use model::inspect::map::Map;
use std::fmt::Write;

/// One VM's panel.
const PANEL: usize = 720;
const TOP: usize = 132;
const PITCH: usize = 30;
const BOX: usize = 22;
/// Left edge and width of each lane's boxes.
const LANES: [(usize, usize); 3] = [(20, 210), (340, 150), (600, 100)];

const STYLE: &str = "\
text{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:13px}
.title{font-size:16px;font-weight:bold}.small{font-size:12px}
@media (prefers-color-scheme:dark){.ground{fill:#15181c}text{fill:#e6e6e6}.box{fill:#262c33;stroke:#7d8893}
.walk{stroke:#6cb2f5}.place{stroke:#6cb2f5}.shadow{stroke:#ffab4a}.tip{fill:#ffab4a}.share{fill:#6cb2f5}}";

/// The VMs side by side.
pub(crate) fn draw(maps: &[Box<Map>]) -> String {
    let lanes: Vec<Lanes> = maps.iter().map(|map| Lanes::new(&map.sample)).collect();
    let rows = lanes.iter().map(Lanes::height).max().unwrap_or(0).max(1);
    let (width, height) = (PANEL * maps.len(), TOP + rows * PITCH + 50);
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"monospace\" font-size=\"13\" fill=\"#1c2126\" role=\"img\">\n\
         <title>Guest virtual, guest physical and machine memory</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\" fill=\"#c25e00\"/></marker></defs>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (index, (map, lanes)) in maps.iter().zip(&lanes).enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate({} 0)\">", index * PANEL);
        header(&mut svg, map);
        links(&mut svg, lanes, rows);
        boxes(&mut svg, lanes, rows);
        svg.push_str("</g>\n");
    }
    legend(&mut svg, height - 18);
    svg + "</svg>\n"
}

fn text(svg: &mut String, class: &str, x: usize, y: usize, content: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(content));
}

fn header(svg: &mut String, map: &Map) {
    const BAR: usize = 680;
    let lines = heading(map);
    let (what, counts) = lines.split_once(": ").unwrap_or((&lines, ""));
    text(svg, "title", 20, 28, what);
    text(svg, "small", 20, 48, counts);
    let filled = (private_share(map) * BAR as f64).ceil();
    let _ = writeln!(
        svg,
        "<rect class=\"box\" x=\"20\" y=\"58\" width=\"{BAR}\" height=\"8\" fill=\"#f2f4f6\" stroke=\"#66717c\"/>\
         <rect class=\"share\" x=\"20\" y=\"58\" width=\"{filled}\" height=\"8\" fill=\"#1f6fb5\"/>"
    );
    text(svg, "small", 20, 84, &census(map));
    for ((x, _), title) in LANES.into_iter().zip(["guest virtual", "guest physical, gfn", "machine, mfn"]) {
        text(svg, "", x, TOP - 14, title);
    }
}

/// The middle of a slot. A lane shorter than the others is spread over their height.
fn middle(lane: &[Slot], place: usize, rows: usize) -> usize {
    TOP + place * rows * PITCH / lane.len() + BOX / 2
}

fn links(svg: &mut String, lanes: &Lanes, rows: usize) {
    let [from, through, to] = [&lanes.virtuals, &lanes.physicals, &lanes.machines];
    let mut curve = |links: &[(usize, usize)], ends: [(&[Slot], usize); 2], attributes: &str| {
        for &(a, b) in links {
            let [(left, x1), (right, x2)] = ends;
            let (y1, y2) = (middle(left, a, rows), middle(right, b, rows));
            let bend = (x2 - x1) / 2;
            let _ = writeln!(
                svg,
                "<path d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" {attributes}/>",
                x1 + bend,
                x2 - bend
            );
        }
    };
    let [virtuals, physicals, machines] = LANES;
    let right_of = |lane: (usize, usize)| lane.0 + lane.1;
    curve(
        &lanes.shadows,
        [(from, right_of(virtuals)), (to, machines.0)],
        "class=\"shadow\" stroke=\"#c25e00\" stroke-width=\"1.3\" stroke-dasharray=\"6 4\" marker-end=\"url(#tip)\"",
    );
    curve(
        &lanes.walks,
        [(from, right_of(virtuals)), (through, physicals.0)],
        "class=\"walk\" stroke=\"#1f6fb5\" stroke-width=\"1.3\"",
    );
    curve(
        &lanes.places,
        [(through, right_of(physicals)), (to, machines.0)],
        "class=\"place\" stroke=\"#1f6fb5\" stroke-width=\"1.3\"",
    );
}

fn boxes(svg: &mut String, lanes: &Lanes, rows: usize) {
    let all = [&lanes.virtuals, &lanes.physicals, &lanes.machines];
    for (lane, (x, width)) in all.into_iter().zip(LANES) {
        for (place, slot) in lane.iter().enumerate() {
            let y = middle(lane, place, rows) - BOX / 2;
            let _ = writeln!(
                svg,
                "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX}\" rx=\"3\" \
                 fill=\"#f2f4f6\" stroke=\"#66717c\"/>"
            );
            text(svg, "", x + 8, y + 16, format!("{} {}", slot.number, slot.note).trim_end());
        }
    }
}

fn legend(svg: &mut String, y: usize) {
    let line = y - 4;
    let _ = writeln!(
        svg,
        "<path class=\"walk\" d=\"M20 {line}h40\" stroke=\"#1f6fb5\" stroke-width=\"1.3\"/>\
         <path class=\"shadow\" d=\"M400 {line}h40\" stroke=\"#c25e00\" stroke-width=\"1.3\" \
         stroke-dasharray=\"6 4\" marker-end=\"url(#tip)\"/>"
    );
    text(svg, "small", 70, y, "guest's page tables, then the VM's pmap");
    text(svg, "small", 450, y, "shadow entry: straight to the frame");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a<b>&\""), "a&lt;b&gt;&amp;&quot;");
    }

    #[test]
    fn nothing_to_draw_is_still_a_drawing() {
        let svg = draw(&[]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}

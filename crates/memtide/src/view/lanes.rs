//! What a picture of a map shows, wherever it is drawn: three lanes of pages, and what leads from one to the next.
//!
//! ```text
//!   guest virtual      guest physical      machine
//!      gva  ----walk------> gfn  ---pmap---> mfn
//!       \........shadow.....................^
//! ```

use super::counted;
use model::inspect::Hex;
use model::inspect::map::{Map, Mapped};

/// One page or frame in its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) number: Hex,
    /// What there is to say of it beside its number.
    pub(super) note: String,
}

/// The three lanes, each in order of number, and the links between them by place in their lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub(super) virtuals: Vec<Slot>,
    pub(super) physicals: Vec<Slot>,
    pub(super) machines: Vec<Slot>,
    /// By the guest's tables: from `virtuals` to `physicals`.
    pub(super) walks: Vec<(usize, usize)>,
    /// By the pmap: from `physicals` to `machines`.
    pub(super) places: Vec<(usize, usize)>,
    /// By shadow entries: from `virtuals` to `machines`.
    pub(super) shadows: Vec<(usize, usize)>,
}

impl Lanes {
    pub(super) fn new(sample: &[Mapped]) -> Self {
        let mut physical: Vec<(Hex, Option<Hex>)> = sample.iter().map(|page| (page.gfn, page.mfn)).collect();
        physical.sort_unstable();
        physical.dedup_by_key(|page| page.0);
        let mut machine: Vec<Hex> = physical.iter().filter_map(|page| page.1).collect();
        machine.sort_unstable();
        machine.dedup();
        let slot = |number, note: &str| Slot { number, note: note.to_owned() };
        let mut lanes = Self {
            physicals: physical
                .iter()
                .map(|&(gfn, mfn)| slot(gfn, if mfn.is_none() { "no frame" } else { "" }))
                .collect(),
            machines: machine.iter().map(|&mfn| slot(mfn, "")).collect(),
            ..Self::default()
        };
        let place = |mfn: Hex| machine.binary_search(&mfn).ok();
        lanes.places = (0..).zip(&physical).filter_map(|(at, page)| Some((at, place(page.1?)?))).collect();
        for (at, page) in sample.iter().enumerate() {
            lanes.virtuals.push(slot(page.gva, &page.permissions));
            lanes.walks.extend(physical.binary_search_by_key(&page.gfn, |page| page.0).map(|to| (at, to)));
            let to = page.mfn.filter(|_| page.shadowed).and_then(place);
            lanes.shadows.extend(to.map(|to| (at, to)));
        }
        lanes
    }

    /// Slots of the longest lane.
    pub(super) fn height(&self) -> usize {
        self.virtuals.len().max(self.physicals.len()).max(self.machines.len())
    }
}

/// The line above a picture.
pub(super) fn heading(map: &Map) -> String {
    let space = &map.space;
    format!(
        "{}, CPU {}, {} MMU: {} address space {}, {} mapped, {} shown; shadow entries: {}",
        map.name,
        map.cpu,
        map.technique,
        space.mode,
        space.asid,
        counted(map.mapped_pages as u64, "page"),
        map.sample.len(),
        map.shadow_entries
    )
}

/// What the VM's pages are, in a line.
pub(super) fn census(map: &Map) -> String {
    map.pages.to_string()
}

/// Of the VM's memory, what has a frame of its own: 0 to 1.
pub(super) fn private_share(map: &Map) -> f64 {
    let total: u64 = map.pages.by_state().iter().map(|(_, size)| size.0).sum();
    map.pages.private_bytes as f64 / total.max(1) as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::view) fn page(gva: u64, gfn: u64, mfn: Option<u64>, shadowed: bool) -> Mapped {
        Mapped { gva: Hex(gva), gfn: Hex(gfn), mfn: mfn.map(Hex), permissions: "rw-u".to_owned(), shadowed }
    }

    #[test]
    fn pages_are_linked_by_their_places_in_order_of_number() {
        let sample = [
            page(0x1000, 7, Some(1), true),
            page(0x2000, 3, Some(9), false),
            page(0x3000, 7, Some(1), false),
            page(0x4000, 5, None, false),
        ];
        let lanes = Lanes::new(&sample);
        assert_eq!(lanes.physicals.iter().map(|slot| slot.number.0).collect::<Vec<_>>(), [3, 5, 7]);
        assert_eq!(lanes.machines.iter().map(|slot| slot.number.0).collect::<Vec<_>>(), [1, 9]);
        assert_eq!(lanes.walks, [(0, 2), (1, 0), (2, 2), (3, 1)]);
        assert_eq!(lanes.places, [(0, 1), (2, 0)]);
        assert_eq!(lanes.shadows, [(0, 0)]);
        assert_eq!(lanes.physicals[1].note, "no frame");
    }
}

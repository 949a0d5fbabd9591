//! Which VMs are shown, in which order, with which columns.

use super::columns::{COLUMNS, Value};
use model::VmStatus;

/// A table of VMs as somebody wants to see it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The number of the column that gives the order.
    pub(super) sort: usize,
    /// Whether the greatest comes first.
    pub(super) descending: bool,
    /// What a VM's name has to have in it, or its pool's.
    pub(super) filter: String,
    /// Which columns are there.
    pub(super) chosen: [bool; COLUMNS.len()],
    /// The VM that is looked at.
    selected: Option<String>,
}

impl Table {
    pub(super) fn new() -> Self {
        let chosen = std::array::from_fn(|number| COLUMNS[number].usual);
        Self { sort: 0, descending: false, filter: String::new(), chosen, selected: None }
    }

    /// The VMs that are shown, in order.
    pub(super) fn rows<'a>(&self, vms: &'a [VmStatus]) -> Vec<&'a VmStatus> {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let mut rows: Vec<(Value, &VmStatus)> = vms
            .iter()
            .filter(|vm| has(&vm.name) || vm.pool.as_deref().is_some_and(has))
            .map(|vm| ((COLUMNS[self.sort].of)(vm), vm))
            .collect();
        // Equal ones stay in the order of their names either way.
        rows.sort_by(|(one, _), (other, _)| {
            let order = one.order(other);
            if self.descending { order.reverse() } else { order }
        });
        rows.into_iter().map(|(_, vm)| vm).collect()
    }

    /// The number of the row that is looked at: the first, if its VM is not shown.
    pub(super) fn at(&self, rows: &[&VmStatus]) -> usize {
        let selected = self.selected.as_ref();
        selected.and_then(|name| rows.iter().position(|vm| vm.name == *name)).unwrap_or(0)
    }

    /// Looks at another row, `by` rows further down.
    pub(super) fn step(&mut self, vms: &[VmStatus], by: isize) {
        let rows = self.rows(vms);
        let Some(last) = rows.len().checked_sub(1) else { return };
        self.selected = Some(rows[self.at(&rows).saturating_add_signed(by).min(last)].name.clone());
    }

    /// The name of the VM that is looked at.
    pub(super) fn selected<'a>(&self, vms: &'a [VmStatus]) -> Option<&'a VmStatus> {
        let rows = self.rows(vms);
        rows.get(self.at(&rows)).copied()
    }

    /// Keeps looking at the same VM when others come, go or change places.
    pub(super) fn hold(&mut self, vms: &[VmStatus]) {
        if self.selected.is_none() {
            self.selected = self.selected(vms).map(|vm| vm.name.clone());
        }
    }

    /// The numbers of the columns that are there.
    pub(super) fn columns(&self) -> Vec<usize> {
        (0..COLUMNS.len()).filter(|&number| self.chosen[number]).collect()
    }

    /// Sorts by the next column that is there, or the one before. Figures begin with the greatest.
    pub(super) fn sort_by_next(&mut self, forward: bool) {
        let columns = self.columns();
        let at = columns.iter().position(|&number| number == self.sort).unwrap_or(0);
        let next = if forward { at + 1 } else { at + columns.len() - 1 } % columns.len();
        self.sort = columns[next];
        self.descending = self.sort != 0;
    }

    /// Shows a column or hides it; the names stay.
    pub(super) fn choose(&mut self, number: usize) {
        if number == 0 {
            return;
        }
        self.chosen[number] ^= true;
        if !self.chosen[self.sort] {
            (self.sort, self.descending) = (0, false);
        }
    }
}

//! Checking a VM's memory against itself while it is used.

use crate::books::Books;
use crate::frame::{Audit, Holds};
use crate::pages::census::PageCensus;
use crate::pages::state::PageState;
use crate::vm_memory::VmMemory;
use addr::Gfn;

impl VmMemory {
    /// Checks that every page's frame says that it holds this page (INV-1, INV-5), its stores, and that the
    /// census agrees with the states, if that can be decided. May be made while the VM runs.
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        for gfn in self.pmap().pages() {
            self.audit_page(gfn)?;
        }
        match self.compare_census() {
            Books::Differ(violation) => Err(violation),
            Books::Agree | Books::Undecided(_) => self.stores.audit(),
        }
    }

    /// Compares the census with what counting the pages gives (INV-5). A page in passage is what it was before.
    pub fn compare_census(&self) -> Books {
        let Some(quiet) = self.pages.sections().quiet() else {
            return Books::Undecided("its pages change all the time");
        };
        let mut counted = PageCensus::default();
        self.pmap()
            .pages()
            .filter_map(|gfn| self.pmap().state(gfn))
            .for_each(|(state, _)| counted.add(state));
        let kept = self.census();
        match self.pages.sections().is_still(quiet) {
            true if counted == kept => Books::Agree,
            true => Books::Differ(format!("INV-5: {counted:?} by counting, {kept:?} by the running census")),
            false => Books::Undecided("its pages change all the time"),
        }
    }

    fn audit_page(&self, gfn: Gfn) -> Audit {
        if self.disagreement(gfn).is_none() {
            return Ok(());
        }
        // The page may just have moved, even there and back. In passage it stays as it is.
        let Some(_passage) = self.pages.begin(gfn, |_| true) else { return Ok(()) };
        self.disagreement(gfn).map_or(Ok(()), Err)
    }

    /// How the page's state and what its frame holds differ, if they do.
    fn disagreement(&self, gfn: Gfn) -> Option<String> {
        let (state, _) = self.pmap().state(gfn)?;
        let mfn = state.frame()?;
        let holds = self.pool.holds(mfn);
        let agree = match state {
            PageState::Private(_) => holds == Holds::Page(self.id, gfn),
            PageState::Shared(_) => matches!(holds, Holds::Shared { group, .. } if group == self.group),
            _ => mfn == self.pool.zero(),
        };
        (!agree).then(|| format!("INV-5: {gfn:?} is {state:?}, whose frame holds {holds:?}"))
    }
}

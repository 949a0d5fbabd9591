//! What the screen knows and shows.
//!
//! **Model.** `update(model, input) -> model`, without clocks, terminal or network. What the model wants to know it leaves in
//! [`Model::asks`]; the answers come as inputs. What is shown is a copy of what is known, taken once per interval, so that a
//! paused screen stands still while the host goes on.

mod keys;

use super::known::Known;
use super::table::Table;
use client::Message;
use model::{Explained, HostStatus, Pool, VmStatus};
use ratatui::crossterm::event::KeyEvent;

/// What comes to the screen.
#[derive(Debug)]
pub(super) enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// The host told something.
    Told(Message),
    /// The host is gone, and why.
    Lost(String),
    /// Why a VM holds what it holds, or why that is not known.
    Explained(Result<Box<Explained>, String>),
    /// What resource pools are asked to be.
    Pools(Vec<Pool>),
}

/// What the screen wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// Why a VM holds what it holds.
    Explain(String),
    /// What resource pools are asked to be.
    Pools,
}

/// Whether the host is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Up,
    /// It is not, for this reason.
    Gone(String),
    /// It is again, since it was measured at this time.
    Back(u64),
}

/// What is listed below the host's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Vms,
    Pools,
}

/// What keys are for at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// For looking around.
    Look,
    /// For the filter.
    Filter,
    /// For choosing columns; the one that is pointed at.
    Columns(usize),
    /// For an explanation that takes the whole screen; its first line.
    Explain(u16),
    /// For reading help; its first line.
    Help(u16),
    /// For nothing more: somebody leaves.
    Left,
}

/// What an explanation says.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Explanation {
    Of(Box<Explained>),
    /// There is none, and why.
    None(String),
}

/// Seconds that a host's return is worth telling.
const BACK_SECONDS: u64 = 10;
/// Intervals to choose from, in seconds.
const INTERVALS: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// All of the screen's state.
#[derive(Debug)]
pub(super) struct Model {
    /// Whether it looks different from when it was drawn last.
    pub(super) changed: bool,
    /// What is to be asked, to be taken by who asks.
    pub(super) asks: Vec<Ask>,
    pub(super) link: Link,
    pub(super) list: List,
    pub(super) mode: Mode,
    pub(super) table: Table,
    /// The resource pool that is pointed at, by its place.
    pub(super) pool_at: usize,
    /// Whether there is a pane for the selected VM.
    pub(super) pane: bool,
    pub(super) paused: bool,
    /// Seconds between two looks.
    pub(super) interval: u64,
    pub(super) explanation: Option<Explanation>,
    /// The VM whose explanation is on its way: one at a time.
    asked: Option<String>,
    /// What is shown.
    pub(super) shown: Known,
    known: Known,
}

impl Model {
    pub(super) fn new(interval: u64) -> Self {
        Self {
            changed: true,
            asks: Vec::new(),
            link: Link::Up,
            list: List::Vms,
            mode: Mode::Look,
            table: Table::new(),
            pool_at: 0,
            pane: false,
            paused: false,
            interval,
            explanation: None,
            asked: None,
            shown: Known::default(),
            known: Known::default(),
        }
    }

    /// The host's memory as it is shown.
    pub(super) fn status(&self) -> Option<&HostStatus> {
        self.shown.status.as_ref()
    }

    /// The running VMs as they are shown.
    pub(super) fn vms(&self) -> &[VmStatus] {
        self.status().map_or(&[], |status| &status.vms)
    }

    /// The VM that is looked at.
    pub(super) fn selected(&self) -> Option<&VmStatus> {
        self.table.selected(self.vms())
    }

    fn told(&mut self, message: Message) {
        let measured = matches!(message, Message::Status(_) | Message::Snapshot(_));
        if self.known.learn(message) {
            self.asks.push(Ask::Pools);
        }
        let Some(now) = self.known.status.as_ref().map(|status| status.at_milliseconds) else { return };
        if matches!(self.link, Link::Gone(_)) {
            self.link = Link::Back(now);
            self.changed = true;
        }
        if measured && !self.paused && self.is_due(now) {
            self.show();
        }
    }

    /// Whether the interval is over; half a second early, as what is measured comes about once a second.
    fn is_due(&self, now: u64) -> bool {
        let shown = self.status().map_or(0, |status| status.at_milliseconds);
        // A host that came back may have another clock.
        now < shown || now + 500 >= shown + self.interval * 1000
    }

    /// Shows what is known.
    fn show(&mut self) {
        self.shown.clone_from(&self.known);
        let now = self.status().map_or(0, |status| status.at_milliseconds);
        if matches!(self.link, Link::Back(at) if now >= at + BACK_SECONDS * 1000) {
            self.link = Link::Up;
        }
        let vms = self.shown.status.as_ref().map_or(&[][..], |status| &status.vms);
        self.table.hold(vms);
        self.changed = true;
        self.explain();
    }

    /// Asks about the VM that is looked at, where the answer is shown.
    fn explain(&mut self) {
        let wanted = self.pane && self.list == List::Vms || matches!(self.mode, Mode::Explain(_));
        let Some(name) = self.selected().map(|vm| vm.name.clone()) else { return };
        if matches!(&self.explanation, Some(Explanation::Of(of)) if of.name != name) {
            self.explanation = None;
        }
        if wanted && self.asked.is_none() {
            self.asked = Some(name.clone());
            self.asks.push(Ask::Explain(name));
        }
    }

    fn explained(&mut self, told: Result<Box<Explained>, String>) {
        self.asked = None;
        let selected = self.selected().map(|vm| vm.name.as_str());
        match told {
            // Meanwhile somebody looks at another one.
            Ok(of) if Some(of.name.as_str()) != selected => self.explain(),
            Ok(of) => self.explanation = Some(Explanation::Of(of)),
            Err(why) => self.explanation = Some(Explanation::None(why)),
        }
        self.changed = true;
    }
}

/// The model after an input.
pub(super) fn update(mut model: Model, input: Input) -> Model {
    match input {
        Input::Key(key) => model.press(key),
        Input::Resized => model.changed = true,
        Input::Told(message) => model.told(message),
        Input::Lost(why) => {
            model.changed |= model.link != Link::Gone(why.clone());
            model.link = Link::Gone(why);
        }
        Input::Explained(told) => model.explained(told),
        Input::Pools(pools) => model.known.pools = pools,
    }
    model
}

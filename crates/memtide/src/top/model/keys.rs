//! What keys do.

use super::super::columns::COLUMNS;
use super::{INTERVALS, List, Mode, Model};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Rows that a page key goes.
const PAGE: isize = 10;
/// Further than there are rows.
const FAR: isize = 1 << 20;

impl Model {
    pub(super) fn press(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        self.changed = true;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            if matches!(key.code, KeyCode::Char('c' | 'd')) {
                self.mode = Mode::Left;
            }
            return;
        }
        match self.mode {
            Mode::Look => self.look(key.code),
            Mode::Filter => self.filter(key.code),
            Mode::Columns(at) => self.columns(at, key.code),
            Mode::Explain(line) => self.mode = read(line, key.code).map_or(Mode::Look, Mode::Explain),
            Mode::Help(line) => self.mode = read(line, key.code).map_or(Mode::Look, Mode::Help),
            Mode::Left => {}
        }
    }

    fn look(&mut self, key: KeyCode) {
        match key {
            KeyCode::Char('q') => self.mode = Mode::Left,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help(0),
            KeyCode::Char('/') => (self.mode, self.list) = (Mode::Filter, List::Vms),
            KeyCode::Char('c') => (self.mode, self.list) = (Mode::Columns(1), List::Vms),
            KeyCode::Char('e') if self.selected().is_some() => {
                (self.mode, self.list) = (Mode::Explain(0), List::Vms);
                self.explain();
            }
            KeyCode::Char('p' | ' ') => self.pause(),
            KeyCode::Char('+' | '=') => self.look_less_often(true),
            KeyCode::Char('-') => self.look_less_often(false),
            KeyCode::Char('r') => self.table.descending ^= true,
            KeyCode::Right | KeyCode::Char('>') => self.table.sort_by_next(true),
            KeyCode::Left | KeyCode::Char('<') => self.table.sort_by_next(false),
            KeyCode::Tab => self.list = if self.list == List::Vms { List::Pools } else { List::Vms },
            KeyCode::Enter => {
                (self.pane, self.list) = (self.list == List::Pools || !self.pane, List::Vms);
                self.explain();
            }
            KeyCode::Esc if self.table.filter.is_empty() => self.pane = false,
            KeyCode::Esc => self.table.filter.clear(),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::Home => self.step(-FAR),
            KeyCode::End => self.step(FAR),
            _ => self.changed = false,
        }
    }

    fn step(&mut self, by: isize) {
        if self.list == List::Pools {
            self.pool_at = self.pool_at.saturating_add_signed(by).min(self.shown.pools.len());
            return;
        }
        let vms = self.shown.status.as_ref().map_or(&[][..], |status| &status.vms);
        self.table.step(vms, by);
        self.explain();
    }

    fn pause(&mut self) {
        self.paused ^= true;
        if !self.paused {
            self.show();
        }
    }

    fn look_less_often(&mut self, less: bool) {
        let next = if less {
            INTERVALS.into_iter().find(|&seconds| seconds > self.interval)
        } else {
            INTERVALS.into_iter().rfind(|&seconds| seconds < self.interval)
        };
        self.interval = next.unwrap_or(self.interval);
    }

    fn filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Char(letter) if self.table.filter.len() < 63 => self.table.filter.push(letter),
            KeyCode::Backspace => drop(self.table.filter.pop()),
            KeyCode::Esc => {
                self.table.filter.clear();
                self.mode = Mode::Look;
            }
            KeyCode::Enter | KeyCode::Tab => self.mode = Mode::Look,
            KeyCode::Down => self.step(1),
            KeyCode::Up => self.step(-1),
            _ => {}
        }
        self.explain();
    }

    fn columns(&mut self, at: usize, key: KeyCode) {
        let last = COLUMNS.len() - 1;
        match key {
            KeyCode::Down | KeyCode::Char('j') => self.mode = Mode::Columns((at + 1).min(last)),
            KeyCode::Up | KeyCode::Char('k') => self.mode = Mode::Columns((at - 1).max(1)),
            KeyCode::Home => self.mode = Mode::Columns(1),
            KeyCode::End => self.mode = Mode::Columns(last),
            KeyCode::Char(' ' | 'x') => self.table.choose(at),
            KeyCode::Enter | KeyCode::Esc | KeyCode::Char('c' | 'q') => self.mode = Mode::Look,
            _ => {}
        }
    }
}

/// The first line that is to be seen of a text, or nothing once it is read.
fn read(line: u16, key: KeyCode) -> Option<u16> {
    /// More lines than any text has.
    const MOST: u16 = 1000;
    let page = PAGE as u16;
    Some(match key {
        KeyCode::Down | KeyCode::Char('j') => (line + 1).min(MOST),
        KeyCode::Up | KeyCode::Char('k') => line.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => (line + page).min(MOST),
        KeyCode::PageUp => line.saturating_sub(page),
        KeyCode::Home => 0,
        _ => return None,
    })
}

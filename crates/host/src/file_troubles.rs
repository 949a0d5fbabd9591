//! Files of the host's that are not as they should be: told, shown, and put right as soon as they can be.
//!
//! **Model.**
//!
//! ```text
//!   cannot be read     a file makes no sense, is none, or is refused: it is left as it is, and what it has counts as not there
//!                      until it is mended, which is noticed
//!   not written yet    what the host itself has to keep: it is kept in memory, and written as soon as that works
//! ```
//!
//! A change that somebody asks for and that cannot be written is no trouble of a file: it is refused.
//!
//! **Concurrency.** An innermost lock, held to add or copy. Nothing here touches a file: `keeper` does.

use crate::journal::Journal;
use model::{FileState, FileTrouble, What};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All there are.
pub(crate) struct FileTroubles {
    journal: Arc<Journal>,
    known: Mutex<BTreeMap<PathBuf, FileTrouble>>,
}

impl FileTroubles {
    /// As many are shown.
    pub(crate) const MOST_SHOWN: usize = 32;

    /// None; they are told in `journal`.
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, known: Mutex::default() }
    }

    /// Where they are told.
    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Notes that something is the matter with a file. It is told once, and again if it is something else.
    pub(crate) fn note(&self, path: &Path, state: FileState, why: &str) {
        let mut known = self.known.lock();
        let before = known.get(path);
        if before.is_some_and(|before| before.state == state && before.why == why) {
            return;
        }
        let since = before.filter(|before| before.state == state).map(|before| before.since_milliseconds);
        let told = since.is_some() && state == FileState::Unwritten;
        let (file, why) = (path.display().to_string(), why.to_owned());
        let since_milliseconds = since.unwrap_or_else(|| self.journal.clock().milliseconds());
        known.insert(
            path.to_owned(),
            FileTrouble { file: file.clone(), state, why: why.clone(), since_milliseconds },
        );
        drop(known);
        if !told {
            self.journal.add(What::FileTrouble { file, state, why });
        }
    }

    /// Notes that a file is as it should be, which is told if it was not.
    pub(crate) fn over(&self, path: &Path) {
        let was = self.known.lock().remove(path);
        if let Some(FileTrouble { file, .. }) = was {
            self.journal.add(What::FileGood { file });
        }
    }

    /// Why a file cannot be read, if that is so.
    pub(crate) fn unreadable(&self, path: &Path) -> Option<String> {
        let known = self.known.lock();
        known.get(path).filter(|known| known.state == FileState::Unreadable).map(|known| known.why.clone())
    }

    /// The files of a kind.
    pub(crate) fn files(&self, state: FileState) -> Vec<PathBuf> {
        let known = self.known.lock();
        known.iter().filter(|(_, trouble)| trouble.state == state).map(|(path, _)| path.clone()).collect()
    }

    /// The first [`Self::MOST_SHOWN`], those that are not written before all.
    pub(crate) fn shown(&self) -> Vec<FileTrouble> {
        let known = self.known.lock();
        let of = |state| known.values().filter(move |trouble| trouble.state == state);
        let all = of(FileState::Unwritten).chain(of(FileState::Unreadable));
        all.take(Self::MOST_SHOWN).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_and_when_it_is_over() {
        let journal = Arc::<Journal>::default();
        let troubles = FileTroubles::new(Arc::clone(&journal));
        let [a, b] = [Path::new("/state/a"), Path::new("/state/b")];
        troubles.note(a, FileState::Unwritten, "no space");
        troubles.note(a, FileState::Unwritten, "no space");
        troubles.note(a, FileState::Unwritten, "read-only");
        troubles.note(b, FileState::Unreadable, "line 3");
        assert_eq!(troubles.unreadable(a), None);
        assert_eq!(troubles.unreadable(b).as_deref(), Some("line 3"));
        assert_eq!(troubles.files(FileState::Unwritten), [a]);
        let shown = troubles.shown();
        assert_eq!((shown[0].why.as_str(), shown[1].why.as_str()), ("read-only", "line 3"));
        troubles.over(a);
        troubles.over(a);
        assert_eq!(troubles.shown().len(), 1);
        let told: Vec<&str> = journal.since(0).iter().map(|event| event.what.name()).collect();
        assert_eq!(told, ["file-trouble", "file-trouble", "file-good"]);
    }
}

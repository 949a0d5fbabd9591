//! How full the disks of swap files are, without anybody waiting for one that hangs.
//!
//! **Model.** A thread for each directory asks its file system once a second. Whoever wants to know reads what was answered last, and
//! when: a disk that has not answered for [`PATIENCE`] is silent.
//!
//! **Bounds.** As many threads as there are directories with swap files, and one for each that was and hangs.
//!
//! **Concurrency.** Nobody holds a lock while a file system is asked. Threads end by themselves when their directory is not watched
//! any more; one that hangs ends with the process.

use addr::PageCount;
use parking_lot::Mutex;
use sandbox::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two questions.
const PERIOD: Duration = Duration::from_secs(1);
/// A disk that has not answered for so long is silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Space of a file system.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Space {
    pub(crate) free: PageCount,
    pub(crate) total: PageCount,
}

/// What asks a file system; `None` if it is not there.
type Ask = fn(&Path) -> Option<Space>;

/// The disks of swap files.
pub(crate) struct Disks {
    ask: Ask,
    watched: Mutex<BTreeMap<PathBuf, Arc<Disk>>>,
}

/// One of them.
struct Disk {
    directory: PathBuf,
    answer: Mutex<Answer>,
}

#[derive(Clone, Copy)]
struct Answer {
    space: Option<Space>,
    at: Instant,
    /// How often it has answered.
    answers: u64,
    /// That it is silent has been told.
    told: bool,
}

/// What is known of a disk.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Known {
    pub(crate) directory: PathBuf,
    /// As it answered last, if it did.
    pub(crate) space: Option<Space>,
    /// It does not answer, or does again: news.
    pub(crate) news: Option<News>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum News {
    /// For so long.
    Silent(Duration),
    Answers,
}

impl Default for Disks {
    fn default() -> Self {
        Self::asking(space)
    }
}

impl Disks {
    fn asking(ask: Ask) -> Self {
        Self { ask, watched: Mutex::default() }
    }

    /// Watches these directories and no others from now on; gives what is known of each.
    pub(crate) fn watch(&self, directories: &BTreeSet<PathBuf>) -> Vec<Known> {
        let mut watched = self.watched.lock();
        watched.retain(|directory, _| directories.contains(directory));
        for directory in directories {
            if !watched.contains_key(directory)
                && let Some(disk) = begin(directory.clone(), self.ask)
            {
                watched.insert(directory.clone(), disk);
            }
        }
        watched.values().map(|disk| disk.known(Instant::now())).collect()
    }

    /// Whether a directory is not there, as was answered last.
    pub(crate) fn is_gone(&self, directory: &Path) -> bool {
        let disk = self.watched.lock().get(directory).cloned();
        disk.is_some_and(|disk| {
            let answer = disk.answer.lock();
            answer.answers > 0 && answer.space.is_none()
        })
    }

    /// Whether a directory's disk is silent.
    pub(crate) fn is_silent(&self, directory: &Path) -> bool {
        let disk = self.watched.lock().get(directory).cloned();
        disk.is_some_and(|disk| disk.answer.lock().at.elapsed() >= PATIENCE)
    }

    /// Space free in a directory, as was answered last. Before the first answer the disk is waited for.
    pub(crate) fn free(&self, directory: &Path) -> PageCount {
        let disk = self.watched.lock().get(directory).cloned();
        let answered = disk.and_then(|disk| disk.answer.lock().space);
        answered.map_or_else(|| free_disk(directory), |space| space.free)
    }
}

impl Disk {
    fn known(&self, now: Instant) -> Known {
        let mut answer = self.answer.lock();
        let silent = now.saturating_duration_since(answer.at);
        let is_silent = silent >= PATIENCE;
        let news = match (std::mem::replace(&mut answer.told, is_silent), is_silent) {
            (false, true) => Some(News::Silent(silent)),
            (true, false) => Some(News::Answers),
            _ => None,
        };
        Known { directory: self.directory.clone(), space: answer.space, news }
    }
}

/// A thread that asks; `None` if the machine has none to give, and then it is tried again.
fn begin(directory: PathBuf, ask: Ask) -> Option<Arc<Disk>> {
    let answer = Answer { space: None, at: Instant::now(), answers: 0, told: false };
    let disk = Arc::new(Disk { directory: directory.clone(), answer: Mutex::new(answer) });
    let watched = Arc::downgrade(&disk);
    let thread = thread::Builder::new().name("memtide-disk".to_owned());
    thread.spawn(move || ask_on(&directory, ask, &watched)).ok().map(|_| disk)
}

fn ask_on(directory: &Path, ask: Ask, watched: &Weak<Disk>) {
    sandbox::keep_to(Kind::Memory);
    while watched.strong_count() > 0 {
        let space = ask(directory);
        let Some(disk) = watched.upgrade() else { return };
        let mut answer = disk.answer.lock();
        (answer.space, answer.at) = (space, Instant::now());
        answer.answers += 1;
        drop(answer);
        drop(disk);
        thread::sleep(PERIOD);
    }
}

/// Space free in a directory now; waits for the disk.
pub(crate) fn free_disk(directory: &Path) -> PageCount {
    space(directory).map_or(PageCount(0), |space| space.free)
}

fn space(directory: &Path) -> Option<Space> {
    // Whatever has the directory's name lies on some file system.
    let of = rustix::fs::statvfs(directory).ok().filter(|_| directory.is_dir())?;
    let pages = |blocks: u64| PageCount(blocks * of.f_frsize / addr::PAGE_SIZE);
    Some(Space { free: pages(of.f_bavail), total: pages(of.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    static HANGS: AtomicBool = AtomicBool::new(true);
    const SPACE: Space = Space { free: PageCount(5), total: PageCount(10) };

    /// The directory `hangs` answers when it is let go, all others at once; `gone` is not there.
    fn ask(directory: &Path) -> Option<Space> {
        while directory.ends_with("hangs") && HANGS.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        (!directory.ends_with("gone")).then_some(SPACE)
    }

    fn until(disks: &Disks, names: &[&str], what: impl Fn(&[Known]) -> bool) {
        let directories = names.iter().map(PathBuf::from).collect();
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let known = disks.watch(&directories);
            if what(&known) {
                return;
            }
            assert!(Instant::now() < deadline, "{known:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_disk_that_hangs_holds_up_nobody_and_is_told_of_once() {
        let disks = Disks::asking(ask);
        until(&disks, &["gone", "hangs", "works"], |known| known[2].space == Some(SPACE));
        until(&disks, &["hangs", "works"], |known| known.len() == 2);
        let silent = |disks: &Disks, later| {
            let watched = disks.watched.lock();
            watched[Path::new("hangs")].known(Instant::now() + later).news
        };
        assert_eq!(silent(&disks, Duration::ZERO), None);
        assert!(matches!(silent(&disks, PATIENCE), Some(News::Silent(time)) if time >= PATIENCE));
        assert_eq!(silent(&disks, 2 * PATIENCE), None, "it was told");
        assert!(!disks.is_silent(Path::new("hangs")), "not yet");
        disks.watched.lock()[Path::new("hangs")].answer.lock().at -= PATIENCE;
        assert!(disks.is_silent(Path::new("hangs")) && !disks.is_silent(Path::new("works")));
        HANGS.store(false, Ordering::Relaxed);
        let answered = |disk: &Known| disk.space == Some(SPACE);
        until(&disks, &["hangs", "works"], |known| known.iter().all(answered));
        assert!(!disks.watched.lock()[Path::new("hangs")].answer.lock().told, "that it answers was told");
        assert_eq!(disks.free(Path::new("hangs")), SPACE.free);
        let hung = Arc::downgrade(&disks.watched.lock()[Path::new("hangs")]);
        until(&disks, &["works"], |known| known.len() == 1);
        assert!(hung.upgrade().is_none(), "its thread ends");
    }

    #[test]
    fn linux_says_how_full_a_disk_is() {
        let of = space(Path::new("/")).unwrap();
        assert!(of.total.0 > 0 && of.free <= of.total);
        assert_eq!(space(Path::new("/there/is/no/such/directory")), None);
    }
}

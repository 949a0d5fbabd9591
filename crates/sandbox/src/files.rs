//! Which files a thread may use, and those it starts.
//!
//! **Model.** Rules for directories, and for all that is beneath them, which the kernel (Landlock) goes by whatever a path looks like. They
//! cannot be loosened later, and hold for programs too. Files that are open stay so.
//!
//! **Sources.** Linux `Documentation/userspace-api/landlock.rst`.

use crate::SandboxError;
use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, PathFdError, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// The newest rules that are known here. An older kernel goes by those of them that it knows.
const NEWEST: ABI = ABI::V6;

/// What may be used, with all beneath it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Files {
    /// What may be written, and read.
    pub written: Vec<PathBuf>,
    /// What else may be read; `None`: everything.
    pub read: Option<Vec<PathBuf>>,
}

/// Whether the kernel goes by rules for files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It does.
    Yes,
    /// It has none: Landlock is not built in, or not turned on.
    No,
}

/// What this process keeps to.
static FILES: OnceLock<Files> = OnceLock::new();

/// Keeps the calling thread, and those it starts, to these files. None of them runs a program.
///
/// # Errors
/// The kernel has rules for files and does not take these.
pub fn keep_to_files(files: Files) -> Result<Kept, SandboxError> {
    let write = AccessFs::from_write(NEWEST);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let kept = match &files.read {
        None => restrict(write | AccessFs::Execute, &[(&files.written, write)])?,
        Some(others) => {
            let rules = [(&files.written, write | read), (others, read)];
            restrict(write | read | AccessFs::Execute, &rules)?
        }
    };
    if kept == Kept::Yes {
        // Said twice, the first holds; the second only takes from it.
        let _ = FILES.set(files);
    }
    Ok(kept)
}

/// Keeps the calling thread, and what it starts, from these directories. All else is as it was, but for what is made later right in a
/// directory that one of these lies in, and what that has in it.
///
/// # Errors
/// The kernel has rules for files and does not take these.
pub fn keep_from(hidden: &[PathBuf]) -> Result<Kept, SandboxError> {
    let hidden: Vec<PathBuf> = hidden.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut others = Vec::new();
    beside(Path::new("/"), &hidden, &mut others);
    let all = AccessFs::from_all(NEWEST);
    restrict(all, &[(&others, all)])
}

/// All that lies in `directory` and in none of those that are hidden.
fn beside(directory: &Path, hidden: &[PathBuf], others: &mut Vec<PathBuf>) {
    for entry in directory.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        // Where a link leads to is among the rest, or hidden.
        if entry.file_type().is_ok_and(|of| of.is_symlink()) || hidden.contains(&path) {
            continue;
        }
        if hidden.iter().any(|hidden| hidden.starts_with(&path)) {
            beside(&path, hidden, others);
        } else {
            others.push(path);
        }
    }
}

/// Whether files can be made beneath a directory, as far as this process keeps to files.
pub fn may_write(directory: &Path) -> bool {
    FILES.get().is_none_or(|files| lies_in(directory, &files.written))
}

/// Whether a file can be read, as far as this process keeps to files.
pub fn may_read(path: &Path) -> bool {
    let Some(Files { written, read: Some(read) }) = FILES.get() else { return true };
    lies_in(path, written) || lies_in(path, read)
}

/// Whether a path, wherever links in it lead, lies in one of these directories.
pub fn lies_in(path: &Path, directories: &[PathBuf]) -> bool {
    // What is not there yet lies where the directories above it are. Where `..` leads from there, nobody knows.
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    let above = || path.ancestors().skip(1).find_map(|above| above.canonicalize().ok());
    let there = path.canonicalize().ok().or_else(|| above().filter(|_| is_plain));
    let has = |directory: &PathBuf, there: &Path| {
        directory.canonicalize().is_ok_and(|directory| there.starts_with(directory))
    };
    path.is_absolute()
        && there.is_some_and(|there| directories.iter().any(|directory| has(directory, &there)))
}

fn restrict(
    handled: BitFlags<AccessFs>,
    allowed: &[(&Vec<PathBuf>, BitFlags<AccessFs>)],
) -> Result<Kept, SandboxError> {
    let failed = |error: &dyn Display| SandboxError::Files(error.to_string());
    let mut rules =
        Ruleset::default().handle_access(handled).and_then(Ruleset::create).map_err(|e| failed(&e))?;
    for (paths, access) in allowed {
        for path in *paths {
            let opened = match PathFd::new(path) {
                Ok(opened) => opened,
                // What is not there, or not for us, needs no rule.
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(failed(&error)),
            };
            // Of a file that is no directory only some can be allowed.
            let is_file = path.metadata().is_ok_and(|there| !there.is_dir());
            let rights = if is_file { *access & AccessFs::from_file(NEWEST) } else { *access };
            rules = rules.add_rule(PathBeneath::new(opened, rights)).map_err(|e| failed(&e))?;
        }
    }
    let status = rules.restrict_self().map_err(|e| failed(&e))?;
    Ok(if status.ruleset == RulesetStatus::NotEnforced { Kept::No } else { Kept::Yes })
}

/// Whether nothing can be opened there, whoever tries it again.
fn is_missing(error: &PathFdError) -> bool {
    let PathFdError::OpenCall { source, .. } = error else { return false };
    matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;
    use std::thread;

    /// A directory with `kept/file` and `other/file`.
    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for name in ["kept", "other"] {
            fs::create_dir(place.path().join(name)).unwrap();
            fs::write(place.path().join(name).join("file"), name).unwrap();
        }
        place
    }

    /// Whether something was done on a thread of its own; `None` if the kernel has no rules.
    fn on_thread<T: Send + 'static>(
        restrict: impl FnOnce() -> Result<Kept, SandboxError> + Send + 'static,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let run = move || (restrict().unwrap() == Kept::Yes).then(work);
        let outcome = thread::spawn(run).join().unwrap();
        if outcome.is_none() {
            println!("skipped: this kernel has no Landlock");
        }
        outcome
    }

    fn is_denied<T>(outcome: std::io::Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn what_is_not_named_is_not_written_and_nothing_is_run() {
        let place = place();
        let [kept, other] = ["kept", "other"].map(|name| place.path().join(name));
        let files = Files { written: vec![kept.clone(), "/no/such/directory".into()], read: None };
        on_thread(
            || keep_to_files(files),
            move || {
                fs::write(kept.join("file"), "new").unwrap();
                fs::create_dir_all(kept.join("a/b")).unwrap();
                fs::rename(kept.join("file"), kept.join("a/b/file")).unwrap();
                assert_eq!(fs::read_to_string(other.join("file")).unwrap(), "other");
                assert!(is_denied(fs::write(other.join("file"), "new")));
                assert!(is_denied(fs::write(other.join("another"), "new")));
                assert!(is_denied(fs::remove_file(other.join("file"))));
                assert!(is_denied(Command::new("true").status()));
                assert!(may_write(&kept) && may_write(&kept.join("later/still")) && !may_write(&other));
                assert!(may_read(&other));
            },
        );
    }

    #[test]
    fn what_is_not_named_is_not_read_if_reading_is_kept_to() {
        let place = place();
        let [kept, other] = ["kept", "other"].map(|name| place.path().join(name));
        // A link leads where it leads.
        std::os::unix::fs::symlink(other.join("file"), kept.join("link")).unwrap();
        let rules = restrict_reading(&kept);
        on_thread(rules, move || {
            assert_eq!(fs::read_to_string(kept.join("file")).unwrap(), "kept");
            assert!(is_denied(fs::write(kept.join("file"), "new")));
            assert!(is_denied(fs::read(other.join("file"))) && is_denied(fs::read(kept.join("link"))));
        });
    }

    /// Not by way of what holds for the whole process, which another test says.
    fn restrict_reading(kept: &Path) -> impl FnOnce() -> Result<Kept, SandboxError> + Send + 'static {
        let kept = vec![kept.to_owned()];
        move || {
            let read = AccessFs::ReadFile | AccessFs::ReadDir;
            restrict(read | AccessFs::from_write(NEWEST), &[(&kept, read)])
        }
    }

    #[test]
    fn a_program_finds_all_but_what_is_hidden() {
        let place = place();
        let [hidden, other] = ["kept", "other"].map(|name| place.path().join(name));
        std::os::unix::fs::symlink(&hidden, other.join("way in")).unwrap();
        let paths = [hidden.join("file"), other.join("file"), other.join("way in/file")];
        on_thread(
            move || keep_from(&[hidden]),
            move || {
                let reads = |path: &PathBuf| Command::new("cat").arg(path).output().unwrap().status.success();
                assert_eq!(paths.each_ref().map(reads), [false, true, false]);
                let script = format!("echo new > '{}'", other.join("made").display());
                assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
                assert!(Command::new("sh").args(["-c", "echo > /dev/null"]).status().unwrap().success());
            },
        );
    }

    #[test]
    fn a_path_lies_where_its_links_lead() {
        let place = place();
        let [kept, other] = ["kept", "other"].map(|name| place.path().join(name));
        std::os::unix::fs::symlink(&other, kept.join("way out")).unwrap();
        let lies = |path: &Path| lies_in(path, std::slice::from_ref(&kept));
        assert!(lies(&kept) && lies(&kept.join("file")) && lies(&kept.join("not/yet/there")));
        assert!(
            !lies(&kept.join("way out/file"))
                && !lies(&other.join("file"))
                && !lies(&kept.join("../other/file"))
        );
        assert!(!lies(&kept.join("not/yet/../../../other/file")));
        assert!(!lies(Path::new("kept/file")) && !lies(place.path()));
    }
}

//! Writing so that whatever interrupts it, the file is the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What a file is called until it is whole.
const TEMPORARY: &str = ".new";

/// How sure it is that a change of a directory lasts. Whoever reads sees it either way, also after the process was killed.
#[derive(Debug)]
#[must_use]
pub enum Written {
    /// Whatever happens.
    Surely,
    /// A loss of power may undo it: the disk would not say that it has it. [`sync_directory`] asks again.
    Unconfirmed(io::Error),
}

/// Leaves either what was there or all of `bytes`, in a file that only its owner can read.
///
/// # Errors
/// The disk is full, say; then what was there stays, and nothing else.
///
/// # Panics
/// If `path` is that of no file in a directory.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<Written> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    // One that was left behind may be anybody's to read.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let placed = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = placed {
        // It takes room on a disk that may be full.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // From here on the new file is what everybody sees: this cannot fail any more.
    Ok(match sync_directory(path) {
        Ok(()) => Written::Surely,
        Err(error) => Written::Unconfirmed(error),
    })
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes sure that the directory keeps what `path` is called now.
///
/// # Errors
/// The disk does not say that it does.
///
/// # Panics
/// If `path` is that of no file in a directory.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().expect("files lie in a directory"))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for content in [b"old".as_slice(), b"newer"] {
            // One that was left behind.
            fs::write(dir.path().join("file.new"), "half").unwrap();
            assert!(matches!(write_atomically(&path, content).unwrap(), Written::Surely));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        // A directory cannot be replaced by a file.
        let path = dir.path().join("file");
        fs::create_dir(&path).unwrap();
        write_atomically(&path, b"new").unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let gone = dir.path().join("gone/file");
        assert_eq!(write_atomically(&gone, b"new").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

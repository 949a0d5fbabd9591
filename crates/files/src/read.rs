//! Reading what may be anything.

use addr::ByteSize;
use rustix::fs::OFlags;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// How much is read at a time.
const STEP: u64 = 1 << 20;
/// Buffers are at least this large. An allocator keeps what it gets back for later, but for more than 32 MiB, which even glibc always
/// maps by itself. What is not written to takes no memory.
const BUFFER: u64 = 33 << 20;

/// Why a file was not read.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something else has its name.
    #[error("it is {0} and not a file")]
    NotAFile(&'static str),
    /// It is larger than its reader can use.
    #[error("it has {size}, and {most} are the most it may have")]
    TooLarge {
        /// It has so much.
        size: ByteSize,
        /// It may have so much.
        most: ByteSize,
    },
    /// It is shorter or longer than it was, or was written to.
    #[error("it was changed while it was read")]
    Changed,
    /// It was not read to its end for so long.
    #[error("nothing more of it could be read for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// Whoever wanted it does not any more.
    #[error("nobody wants it any more")]
    GivenUp,
    /// There is no memory for its content.
    #[error("there is no memory for its {0}")]
    NoMemory(ByteSize),
    /// It is no text.
    #[error("it is not text: byte {0} is not UTF-8")]
    NotText(usize),
}

impl FileError {
    /// Whether there is nothing of that name.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the path, and that the host may read the file",
            Self::NotAFile(_) | Self::TooLarge { .. } | Self::NotText(_) => "name another file",
            Self::Changed => "try again once nobody writes to the file",
            Self::Silent(_) => "look after the disk or the server that the file lies on, and try again",
            Self::GivenUp => "try again",
            Self::NoMemory(_) => "stop something else, or name a smaller file",
        }
    }
}

/// A regular file of bounded size, open. Nothing of it was read yet.
#[derive(Debug)]
pub struct Regular {
    file: File,
    size: ByteSize,
    modified: Option<SystemTime>,
}

impl Regular {
    /// Opens `path` if it is a regular file of `most` at most. Waits for the file system.
    ///
    /// # Errors
    /// [`FileError::Io`], [`FileError::NotAFile`], [`FileError::TooLarge`].
    pub fn open(path: &Path, most: ByteSize) -> Result<Self, FileError> {
        // Opening a device may do something, and a named pipe waits for its writer.
        check(&fs::metadata(path)?, most)?;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
        // It may be another by now.
        let metadata = file.metadata()?;
        check(&metadata, most)?;
        Ok(Self { file, size: ByteSize(metadata.len()), modified: metadata.modified().ok() })
    }

    /// What will be read.
    pub fn size(&self) -> ByteSize {
        self.size
    }

    /// Reads it whole, in steps; before each, `goes_on` says whether that is still wanted. All memory of what is given goes back to
    /// Linux when it is dropped.
    ///
    /// # Errors
    /// [`FileError`]; a file that is not what it was when it was opened is [`FileError::Changed`].
    pub fn read(mut self, mut goes_on: impl FnMut() -> bool) -> Result<Vec<u8>, FileError> {
        let mut content = Vec::new();
        let capacity = self.size.0.max(BUFFER) as usize;
        content.try_reserve_exact(capacity).map_err(|_| FileError::NoMemory(self.size))?;
        self.read_into(&mut content, &mut goes_on)?;
        Ok(content)
    }

    fn read_into(
        &mut self,
        content: &mut Vec<u8>,
        goes_on: &mut impl FnMut() -> bool,
    ) -> Result<(), FileError> {
        while (content.len() as u64) < self.size.0 {
            if !goes_on() {
                return Err(FileError::GivenUp);
            }
            let step = STEP.min(self.size.0 - content.len() as u64);
            if (&mut self.file).take(step).read_to_end(content)? == 0 {
                return Err(FileError::Changed);
            }
        }
        let more = self.file.read(&mut [0])?;
        let now = self.file.metadata()?;
        let same = more == 0 && now.len() == self.size.0 && now.modified().ok() == self.modified;
        if same { Ok(()) } else { Err(FileError::Changed) }
    }
}

/// Reads a text of `most` at most. Waits for the file system.
///
/// # Errors
/// [`FileError`].
pub fn read_text(path: &Path, most: ByteSize) -> Result<String, FileError> {
    let mut file = Regular::open(path, most)?;
    let mut content = Vec::new();
    content.try_reserve_exact(file.size.0 as usize).map_err(|_| FileError::NoMemory(file.size))?;
    file.read_into(&mut content, &mut || true)?;
    String::from_utf8(content).map_err(|error| FileError::NotText(error.utf8_error().valid_up_to()))
}

fn check(metadata: &Metadata, most: ByteSize) -> Result<(), FileError> {
    if let Some(kind) = other_kind(metadata.file_type()) {
        return Err(FileError::NotAFile(kind));
    }
    match ByteSize(metadata.len()) {
        size if size > most => Err(FileError::TooLarge { size, most }),
        _ => Ok(()),
    }
}

/// What it is, if it is no regular file.
fn other_kind(kind: FileType) -> Option<&'static str> {
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a named pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use tempfile::TempDir;

    const MIB: u64 = 1 << 20;

    fn file(dir: &TempDir, content: &[u8]) -> PathBuf {
        let path = dir.path().join("file");
        fs::write(&path, content).unwrap();
        path
    }

    fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
        Regular::open(path, ByteSize(most))?.read(|| true)
    }

    #[test]
    fn a_file_is_read_whole_up_to_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..3 * MIB + 5).map(|index| (index * 31) as u8).collect();
        let path = file(&dir, &content);
        assert!(read(&path, content.len() as u64).unwrap() == content);
        let error = read(&path, content.len() as u64 - 1).unwrap_err();
        assert!(matches!(error, FileError::TooLarge { .. }), "{error}");
        assert_eq!(read(&file(&dir, b""), 0).unwrap(), b"");
    }

    #[test]
    fn what_is_no_file_is_named_and_never_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let kinds = [
            (dir.path(), "a directory"),
            (&pipe, "a named pipe"),
            (&link, "a named pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ];
        for (path, kind) in kinds {
            let error = read(path, 1 << 40).unwrap_err();
            assert!(
                matches!(error, FileError::NotAFile(found) if found == kind),
                "{}: {error}",
                path.display()
            );
        }
        let round = dir.path().join("round");
        std::os::unix::fs::symlink(&round, &round).unwrap();
        for path in [round.as_path(), &dir.path().join("gone"), Path::new("/a\0b")] {
            let error = read(path, 1 << 40).unwrap_err();
            assert!(matches!(error, FileError::Io(_)), "{error}");
        }
    }

    #[test]
    fn a_claim_of_terabytes_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, b"");
        File::options().write(true).open(&path).unwrap().set_len(15 << 40).unwrap();
        assert!(matches!(read(&path, 256 * MIB), Err(FileError::TooLarge { .. })));
        // Nor does one that was let through, where Linux has no such memory to give.
        let error = read(&path, u64::MAX).unwrap_err();
        assert!(matches!(error, FileError::NoMemory(_)), "{error}");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        type Change = fn(&File);
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, &vec![1; 3 * MIB as usize]);
        let changes: [Change; 3] = [
            |file| file.set_len(2 * MIB).unwrap(),
            |file| file.set_len(4 * MIB).unwrap(),
            |mut file| {
                file.write_all(b"other").unwrap();
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            },
        ];
        for change in changes {
            let mut steps = 0;
            let opened = Regular::open(&path, ByteSize(4 * MIB)).unwrap();
            let result = opened.read(|| {
                steps += 1;
                if steps == 2 {
                    change(&File::options().write(true).open(&path).unwrap());
                }
                true
            });
            assert!(matches!(result, Err(FileError::Changed)), "{result:?}");
        }
        // One that says it is empty, and is not.
        assert!(matches!(read(Path::new("/proc/self/status"), MIB), Err(FileError::Changed)));
    }

    #[test]
    fn reading_is_given_up_when_nobody_wants_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, &vec![1; 3 * MIB as usize]);
        let mut steps = 0;
        let result = Regular::open(&path, ByteSize(4 * MIB)).unwrap().read(|| {
            steps += 1;
            steps < 3
        });
        assert!(matches!(result, Err(FileError::GivenUp)));
    }

    #[test]
    fn a_text_is_text() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_text(&file(&dir, "ä".as_bytes()), ByteSize(9)).unwrap(), "ä");
        let error = read_text(&file(&dir, b"ab\xff"), ByteSize(9)).unwrap_err();
        assert!(matches!(error, FileError::NotText(2)), "{error}");
        assert!(read_text(&dir.path().join("gone"), ByteSize(9)).unwrap_err().is_not_found());
    }
}

//! Who changed what, and who was refused what.
//!
//! **Model.** One line of JSON for each change that was asked for, whatever came of it, and for each refusal. They lie in
//! `audit-log.jsonl` in the state directory; once that is full, it becomes `audit-log.1.jsonl`, in the place of the one before.
//! A line is handed to the system before its request is answered. What was typed, sent or answered is not in it.
//!
//! **Bounds.** Two files of [`MOST_BYTES`], lines of [`MOST_LINE`], [`MOST_WAITING`] of them kept in memory. Refusals are written at a bounded rate, so that nobody who may
//! nothing can push out what others did.
//!
//! **Failure.** Lines that cannot be written wait in memory and are written once that works; of more than can wait, the oldest are lost and
//! counted by the next that is written: `omitted`. A kill loses no line whose request was
//! answered; a loss of power may lose the last ones.

use super::peers::{Bucket, Rate};
use crate::request::shown;
use model::AuditLine;
use rustix::fs::OFlags;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Longest file.
const MOST_BYTES: u64 = 8 << 20;
/// Longest line: a path with every character escaped, and the rest.
const MOST_LINE: u64 = 1024;
/// How many lines wait in memory while they cannot be written.
const MOST_WAITING: usize = 1000;
/// How many refusals are written.
const REFUSALS: Rate = Rate { burst: 100.0, per_second: 0.2 };

/// The log.
pub(crate) struct AuditLog {
    path: PathBuf,
    most_bytes: u64,
    open: Mutex<Open>,
}

struct Open {
    /// The file and how long it is; none while it cannot be opened.
    file: Option<(File, u64)>,
    /// Lines that are not written yet, the oldest first.
    waiting: VecDeque<AuditLine>,
    /// Why they are not.
    failure: Option<String>,
    omitted: u64,
    refusals: Bucket,
}

impl AuditLog {
    /// Goes on with the log in a state directory.
    pub(crate) fn open(state: &Path) -> Self {
        Self::open_with(state, MOST_BYTES)
    }

    fn open_with(state: &Path, most_bytes: u64) -> Self {
        let refusals = Bucket::new(REFUSALS, Instant::now());
        let open = Open { file: None, waiting: VecDeque::new(), failure: None, omitted: 0, refusals };
        let log = Self { path: state.join("audit-log.jsonl"), most_bytes, open: Mutex::new(open) };
        log.flush(&mut log.lock());
        log
    }

    /// The file that lines are written to.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what was done. May wait for the disk.
    pub(crate) fn write(&self, line: &AuditLine) {
        self.append(&mut self.lock(), line);
    }

    /// Writes what was refused, unless there are too many of these. May wait for the disk.
    pub(super) fn write_refused(&self, line: &AuditLine) {
        let mut open = self.lock();
        match open.refusals.take(REFUSALS, Instant::now()) {
            Ok(()) => self.append(&mut open, line),
            Err(_) => open.omitted += 1,
        }
    }

    /// Writes what waits; says why that does not work. Waits for the disk.
    pub(super) fn look_again(&self) -> Option<String> {
        let mut open = self.lock();
        self.flush(&mut open);
        open.failure.clone()
    }

    fn append(&self, open: &mut Open, line: &AuditLine) {
        let omitted = std::mem::take(&mut open.omitted);
        open.waiting.push_back(AuditLine { path: shown(&line.path), omitted, ..line.clone() });
        self.flush(open);
        if open.waiting.len() > MOST_WAITING
            && let Some(lost) = open.waiting.pop_front()
            && let Some(next) = open.waiting.front_mut()
        {
            next.omitted += 1 + lost.omitted;
        }
    }

    fn flush(&self, open: &mut Open) {
        open.failure = self.write_waiting(open).err().map(|error| error.to_string());
        if open.failure.is_some() {
            // It may be another file by the next time.
            open.file = None;
        }
    }

    fn write_waiting(&self, open: &mut Open) -> io::Result<()> {
        let (mut file, mut bytes) = match open.file.take() {
            Some(opened) => opened,
            None => self.open_file()?,
        };
        while let Some(line) = open.waiting.front() {
            let mut text = serde_json::to_vec(line).expect("a line is JSON");
            text.push(b'\n');
            if bytes + text.len() as u64 > self.most_bytes {
                fs::rename(&self.path, self.older())?;
                (file, bytes) = append(&self.path)?;
            }
            if let Err(error) = file.write_all(&text) {
                // Whatever part of it is there must not become one line with the next.
                let _ = file.set_len(bytes);
                return Err(error);
            }
            bytes += text.len() as u64;
            open.waiting.pop_front();
        }
        open.file = Some((file, bytes));
        Ok(())
    }

    fn open_file(&self) -> io::Result<(File, u64)> {
        let (mut file, mut bytes) = append(&self.path)?;
        if !ends_well(&self.path)? {
            // As a loss of power leaves it.
            file.write_all(b"\n")?;
            bytes += 1;
        }
        Ok((file, bytes))
    }

    fn older(&self) -> PathBuf {
        self.path.with_file_name("audit-log.1.jsonl")
    }

    /// The last lines, the last one first. Waits for the disk.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub(crate) fn last(&self, limit: usize) -> io::Result<Vec<AuditLine>> {
        // Nothing is moved meanwhile.
        let open = self.lock();
        let mut lines: Vec<AuditLine> = open.waiting.iter().rev().take(limit).cloned().collect();
        match last_lines(&self.path, limit - lines.len()) {
            Ok(written) => lines.extend(written),
            Err(error) if lines.is_empty() => return Err(error),
            // What waits is all that is known.
            Err(_) => return Ok(lines),
        }
        if lines.len() < limit {
            lines.extend(last_lines(&self.older(), limit - lines.len())?);
        }
        Ok(lines)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a file to be written at its end. What is none is not waited for.
fn append(path: &Path) -> io::Result<(File, u64)> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let options =
        File::options().create(true).append(true).mode(0o600).custom_flags(flags.bits() as i32).clone();
    let file = options.open(path)?;
    match file.metadata()? {
        found if found.is_file() => Ok((file, found.len())),
        _ => Err(io::Error::other("it is no file")),
    }
}

/// Whether a file is empty or its last line complete.
fn ends_well(path: &Path) -> io::Result<bool> {
    Ok(tail(path, 1)?.last().is_none_or(|&byte| byte == b'\n'))
}

/// The last bytes of a file; none if it is not there.
fn tail(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut file = match File::options().read(true).custom_flags(flags.bits() as i32).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let length = found.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut tail = Vec::new();
    file.take(bytes).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The last lines of a file, the last one first; what is no line of ours is passed over.
fn last_lines(path: &Path, limit: usize) -> io::Result<Vec<AuditLine>> {
    let bytes = tail(path, limit as u64 * MOST_LINE)?;
    let lines = bytes.rsplit(|&byte| byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).take(limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Role, Token};
    use tempfile::TempDir;

    fn line(id: &str) -> AuditLine {
        AuditLine {
            at_milliseconds: 1,
            who: "token ci".to_owned(),
            from: Some("127.0.0.1".to_owned()),
            role: Some(Role::Operate),
            method: "POST".to_owned(),
            path: "/v1/vms/web/start".to_owned(),
            status: 202,
            request_id: id.to_owned(),
            omitted: 0,
        }
    }

    fn ids(lines: &[AuditLine]) -> Vec<&str> {
        lines.iter().map(|line| line.request_id.as_str()).collect()
    }

    #[test]
    fn what_is_written_is_read_the_last_first_and_after_a_restart() {
        let state = TempDir::new().unwrap();
        let log = AuditLog::open(state.path());
        for id in ["a", "b", "c"] {
            log.write(&line(id));
        }
        assert_eq!(log.last(1000).unwrap()[0], line("c"));
        assert_eq!(ids(&log.last(2).unwrap()), ["c", "b"]);
        drop(log);
        // As a loss of power leaves it.
        let path = state.path().join("audit-log.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 5]).unwrap();
        let log = AuditLog::open(state.path());
        log.write(&line("d"));
        assert_eq!(ids(&log.last(1000).unwrap()), ["d", "b", "a"]);
    }

    #[test]
    fn it_takes_two_files_of_bounded_size_and_loses_the_oldest() {
        let state = TempDir::new().unwrap();
        let log = AuditLog::open_with(state.path(), 4096);
        for number in 0..100 {
            log.write(&line(&number.to_string()));
        }
        for name in ["audit-log.jsonl", "audit-log.1.jsonl"] {
            let length = fs::metadata(state.path().join(name)).unwrap().len();
            assert!((1..=4096).contains(&length), "{name}: {length}");
        }
        let lines = log.last(1000).unwrap();
        let expected: Vec<String> =
            (0..100).rev().take(lines.len()).map(|number| number.to_string()).collect();
        assert!(lines.len() > 20);
        assert_eq!(ids(&lines), expected);
    }

    #[test]
    fn a_line_is_never_longer_than_it_may_be_and_says_no_secret() {
        let state = TempDir::new().unwrap();
        let log = AuditLog::open(state.path());
        let path = format!("/{}", "\"\\".repeat(1000));
        let name = "x".repeat(64);
        log.write(&AuditLine { path, request_id: name.clone(), who: format!("token {name}"), ..line("") });
        let length = fs::metadata(state.path().join("audit-log.jsonl")).unwrap().len();
        assert!(length < MOST_LINE, "{length}");
        let secret = format!("{}{}", Token::PREFIX, "5e".repeat(32));
        log.write(&AuditLine { path: format!("/v1/tokens/{secret}"), ..line("") });
        log.write(&AuditLine { path: format!("/v1/tokens?token={secret}"), ..line("") });
        let text = fs::read_to_string(state.path().join("audit-log.jsonl")).unwrap();
        assert!(!text.contains("5e5e"), "{text}");
    }

    #[test]
    fn refusals_do_not_push_out_changes() {
        let state = TempDir::new().unwrap();
        let log = AuditLog::open(state.path());
        for _ in 0..1000 {
            log.write_refused(&line("refused"));
        }
        log.write(&line("change"));
        let lines = log.last(1000).unwrap();
        assert!((101..200).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines[0].omitted + lines.len() as u64, 1001);
    }

    #[test]
    fn lines_that_cannot_be_written_wait_and_are_written_in_order() {
        let state = TempDir::new().unwrap();
        let path = state.path().join("audit-log.jsonl");
        fs::create_dir(&path).unwrap();
        let log = AuditLog::open(state.path());
        for number in 0..5 {
            log.write(&line(&number.to_string()));
        }
        assert!(log.look_again().is_some());
        assert_eq!(ids(&log.last(3).unwrap()), ["4", "3", "2"]);
        fs::remove_dir(&path).unwrap();
        assert_eq!(log.look_again(), None);
        log.write(&line("5"));
        assert_eq!(ids(&log.last(1000).unwrap()), ["5", "4", "3", "2", "1", "0"]);
        assert_eq!(ids(&AuditLog::open(state.path()).last(1000).unwrap()), ["5", "4", "3", "2", "1", "0"]);
    }

    #[test]
    fn of_more_lines_than_can_wait_the_oldest_are_lost_and_counted() {
        let state = TempDir::new().unwrap();
        let path = state.path().join("audit-log.jsonl");
        // Nobody reads from it, and nobody waits for that.
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let log = AuditLog::open(state.path());
        for number in 0..MOST_WAITING + 7 {
            log.write(&line(&number.to_string()));
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(log.look_again(), None);
        let lines = log.last(2 * MOST_WAITING).unwrap();
        assert_eq!((lines.len(), lines[MOST_WAITING - 1].request_id.as_str()), (MOST_WAITING, "7"));
        assert_eq!(lines.iter().map(|line| line.omitted).sum::<u64>(), 7);
    }
}

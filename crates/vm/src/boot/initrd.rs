//! The initial file system: recognised, and checked as far as that is cheap.
//!
//! **Model.** An initrd is a sequence of cpio archives, each plain or compressed, with zeros
//! between and after. Plain and gzip archives are followed to their ends, the latter unpacked in
//! small steps and thrown away, so a file cut off in transfer is found here and not as a kernel
//! panic later. After an archive compressed in another way nothing more is checked.
//!
//! **Cost.** Unpacking gzip once: about a third of a second for Debian's installer.
//!
//! **Sources.** Linux `Documentation/driver-api/early-userspace/buffer-format.rst`.

use super::{GzipError, compression, gunzip};
use addr::ByteSize;

/// An initrd that the kernel will recognise.
#[derive(Debug)]
pub struct Initrd {
    bytes: Vec<u8>,
    format: InitrdFormat,
    unpacked: Option<ByteSize>,
}

/// How the first archive of an initrd is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InitrdFormat {
    /// Not compressed.
    Cpio,
    /// Compressed, by the named program.
    Compressed(&'static str),
}

/// Why a file is not an initrd.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("initrd '{file}' {problem}")]
pub struct InitrdError {
    file: String,
    problem: String,
}

/// What all archives together may unpack to.
const MAX_UNPACKED: ByteSize = ByteSize::mib(16 << 10);

impl Initrd {
    /// Takes the content of `file`, which is named in errors.
    ///
    /// # Errors
    /// If the content is empty, of no known kind, damaged, or ends early.
    pub fn parse(file: &str, content: Vec<u8>) -> Result<Self, InitrdError> {
        match check(&content) {
            Ok((format, unpacked)) => Ok(Self { bytes: content, format, unpacked }),
            Err(problem) => Err(InitrdError { file: file.to_owned(), problem }),
        }
    }

    /// What is to be put into memory.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How the first archive is stored.
    pub fn format(&self) -> InitrdFormat {
        self.format
    }

    /// The size of all archives together when unpacked, if it could be found out.
    pub fn unpacked(&self) -> Option<ByteSize> {
        self.unpacked
    }
}

fn check(content: &[u8]) -> Result<(InitrdFormat, Option<ByteSize>), String> {
    let mut first = None;
    let mut unpacked = 0;
    let mut position = 0;
    while let Some(zeros) = content[position..].iter().position(|&byte| byte != 0) {
        position += zeros;
        let archive = &content[position..];
        let (format, lengths) = if is_cpio(archive) {
            let length = cpio_length(archive).ok_or_else(|| ends_early(position, content.len()))?;
            (InitrdFormat::Cpio, Some((length, ByteSize(length as u64))))
        } else {
            match compression(archive) {
                Some("gzip") => (
                    InitrdFormat::Compressed("gzip"),
                    Some(gzip_lengths(content, position, ByteSize(MAX_UNPACKED.0 - unpacked))?),
                ),
                Some(name) => (InitrdFormat::Compressed(name), None),
                None => {
                    return Err(format!(
                        "is not one: at byte {position} there is neither a cpio archive nor a known \
                         compression (gzip, xz, zstd, lz4, lzo, lzma, bzip2); \
                         make one with 'cpio -o -H newc'"
                    ));
                }
            }
        };
        let first = *first.get_or_insert(format);
        let Some((length, size)) = lengths else { return Ok((first, None)) };
        // A plain archive is no larger than the file.
        unpacked = (unpacked + size.0).min(MAX_UNPACKED.0);
        position += length;
    }
    match first {
        Some(format) => Ok((format, Some(ByteSize(unpacked)))),
        None => Err(format!("holds nothing ({} zero bytes); leave it out or give another", content.len())),
    }
}

fn ends_early(archive: usize, end: usize) -> String {
    format!(
        "ends early: the archive that begins at byte {archive} is not complete at byte {end}, \
         where the file ends; fetch it again"
    )
}

/// How long the gzip archive at `position` is packed and unpacked.
fn gzip_lengths(content: &[u8], position: usize, most: ByteSize) -> Result<(usize, ByteSize), String> {
    let mut start = Vec::new();
    let lengths = gunzip(&content[position..], most, |step| {
        if start.is_empty() {
            start.extend_from_slice(&step[..step.len().min(6)]);
        }
        true
    });
    match lengths {
        Ok(_) if !is_cpio(&start) => Err(format!(
            "is not one: the gzip stream at byte {position} unpacks to something other than a cpio archive"
        )),
        Ok(lengths) => Ok(lengths),
        Err(GzipError::Truncated) => Err(ends_early(position, content.len())),
        Err(GzipError::TooLarge | GzipError::NoMemory) => Err(format!("unpacks to more than {MAX_UNPACKED}")),
        Err(GzipError::Damaged(why)) => {
            Err(format!("is damaged: the gzip stream at byte {position}: {why}; fetch it again"))
        }
    }
}

fn is_cpio(bytes: &[u8]) -> bool {
    bytes.starts_with(b"070701") || bytes.starts_with(b"070702")
}

/// The length of the cpio archive that `archive` begins with; `None` if it has no end.
fn cpio_length(archive: &[u8]) -> Option<usize> {
    const HEADER: usize = 110;
    const FILE_SIZE: usize = 54;
    const NAME_SIZE: usize = 94;
    let mut position = 0;
    loop {
        let entry = archive.get(position..).filter(|entry| is_cpio(entry))?;
        let field = |offset| {
            let digits = std::str::from_utf8(entry.get(offset..offset + 8)?).ok()?;
            usize::from_str_radix(digits, 16).ok()
        };
        let (file_size, name_size) = (field(FILE_SIZE)?, field(NAME_SIZE)?);
        let name = entry.get(HEADER..HEADER + name_size)?;
        // Name and content are each padded to four bytes, counted from the archive's start.
        let content = (position + HEADER + name_size).next_multiple_of(4);
        let end = content.checked_add(file_size)?;
        if end > archive.len() {
            return None;
        }
        if name == b"TRAILER!!!\0" {
            return Some(end);
        }
        position = end.next_multiple_of(4);
    }
}

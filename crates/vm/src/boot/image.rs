//! A RISC-V Linux kernel as built in `arch/riscv/boot`: `Image`, `Image.gz` or `vmlinuz.efi`.
//!
//! **Sources.** Linux `Documentation/arch/riscv/boot-image-header.rst`; the header of an EFI
//! "zboot" image in `drivers/firmware/efi/libstub/zboot-header.S`; PE/COFF for the length.

use super::{GzipError, MOST_KERNEL as MAX_UNPACKED, compression, gunzip, le_bytes};
use addr::ByteSize;

/// A kernel, unpacked, whose header makes sense.
#[derive(Debug)]
pub struct KernelImage {
    bytes: Vec<u8>,
    text_offset: ByteSize,
    size: ByteSize,
}

/// Why a file is not a kernel that can be started.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("kernel '{file}' {problem}")]
pub struct KernelError {
    file: String,
    problem: String,
}

/// Where the kernel may be loaded: at multiples of this.
const ALIGNMENT: u64 = 2 << 20;

/// Room for an image to begin with: an allocator keeps what it gets back for later, but for more than 32 MiB, which even glibc always
/// maps by itself. What is not written to takes no memory.
const BUFFER: usize = 33 << 20;

/// The Linux header and the EFI headers after it lie in the first page.
const HEADERS: usize = 4096;
const TEXT_OFFSET: usize = 8;
const IMAGE_SIZE: usize = 16;
const FLAGS: usize = 24;
const MAGIC2: usize = 56;

const EXPECTED: &str = "expected a RISC-V Linux Image (arch/riscv/boot/Image or Image.gz of a kernel build)";

impl KernelImage {
    /// Takes the content of `file`, which is named in errors, unpacking it if it is compressed.
    ///
    /// # Errors
    /// If it is not a RISC-V Linux kernel, is damaged, or is compressed in a way other than gzip.
    pub fn parse(file: &str, content: Vec<u8>) -> Result<Self, KernelError> {
        unpack(content)
            .and_then(Self::from_image)
            .map_err(|problem| KernelError { file: file.to_owned(), problem })
    }

    fn from_image(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.get(MAGIC2..MAGIC2 + 4) != Some(b"RSC\x05") {
            return Err(format!("is {}; {EXPECTED}", describe(&bytes)));
        }
        if bytes.len() < HEADERS {
            return Err(cut_off(&bytes, HEADERS as u64));
        }
        let field = |offset| u64::from_le_bytes(le_bytes(&bytes, offset).expect("it is within the headers"));
        let (text_offset, image_size, flags) = (field(TEXT_OFFSET), field(IMAGE_SIZE), field(FLAGS));
        if flags & 1 != 0 {
            return Err("is built for big-endian processors, which the guest's are not".to_owned());
        }
        if !text_offset.is_multiple_of(ALIGNMENT) || text_offset > MAX_UNPACKED.0 {
            return Err(format!(
                "wants to be loaded {text_offset:#x} bytes into memory, \
                 which is not a small multiple of 2 MiB: the header is damaged"
            ));
        }
        if image_size > MAX_UNPACKED.0 {
            return Err(format!(
                "claims to be {} large, more than the {MAX_UNPACKED} allowed: the header is damaged",
                ByteSize(image_size)
            ));
        }
        match length_on_disk(&bytes) {
            Some(length) if length > bytes.len() as u64 => Err(cut_off(&bytes, length)),
            _ => {
                let size = ByteSize(image_size.max(bytes.len() as u64));
                Ok(Self { bytes, text_offset: ByteSize(text_offset), size })
            }
        }
    }

    /// What is to be put into memory.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How far into memory the kernel wants to be, a multiple of 2 MiB.
    pub fn text_offset(&self) -> ByteSize {
        self.text_offset
    }

    /// How much memory it occupies from there, with what it clears itself; not less than
    /// [`Self::bytes`] are.
    pub fn size(&self) -> ByteSize {
        self.size
    }
}

/// The image in `content`, be it plain, in gzip, or in an EFI program that unpacks itself.
fn unpack(content: Vec<u8>) -> Result<Vec<u8>, String> {
    if content.starts_with(b"MZ") && content.get(4..8) == Some(b"zimg") {
        return gunzip_image(zboot_payload(&content)?);
    }
    match compression(&content) {
        Some("gzip") => gunzip_image(&content),
        Some(name) => Err(format!("is compressed with {name}; unpack it first, only gzip is unpacked here")),
        None => Ok(content),
    }
}

fn zboot_payload(content: &[u8]) -> Result<&[u8], String> {
    let field = |offset| le_bytes(content, offset).map(|bytes| u32::from_le_bytes(bytes) as usize);
    let method = content.get(24..56).unwrap_or_default();
    let method = method.split(|&byte| byte == 0).next().unwrap_or_default();
    if method != b"gzip" {
        let method = String::from_utf8_lossy(method);
        return Err(format!(
            "is an EFI zboot image compressed with '{method}'; unpack it first, only gzip is unpacked here"
        ));
    }
    let (offset, length) = field(8).zip(field(12)).ok_or_else(|| cut_off(content, HEADERS as u64))?;
    // Both came from 32 bits.
    content.get(offset..offset + length).ok_or_else(|| cut_off(content, (offset + length) as u64))
}

fn gunzip_image(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut image = Vec::new();
    let keep = |step: &[u8]| {
        // Large from the start, so that all of it goes back to Linux when it is dropped.
        let room = if image.capacity() == 0 {
            image.try_reserve_exact(packed.len().max(BUFFER)).is_ok()
        } else {
            image.try_reserve(step.len()).is_ok()
        };
        if room {
            image.extend_from_slice(step);
        }
        room
    };
    match gunzip(packed, MAX_UNPACKED, keep) {
        Ok(_) => Ok(image),
        Err(GzipError::Truncated) => Err(format!(
            "is cut off: its gzip stream does not end within {} bytes; fetch it again",
            packed.len()
        )),
        Err(GzipError::TooLarge) => {
            Err(format!("unpacks to more than the {MAX_UNPACKED} allowed, so it is no kernel; {EXPECTED}"))
        }
        Err(GzipError::NoMemory) => Err("cannot be unpacked: there is no memory for that".to_owned()),
        Err(GzipError::Damaged(why)) => Err(format!("is damaged: {why}; fetch it again")),
    }
}

/// How long the file should be, by the sections its PE header lists; `None` without such a header.
fn length_on_disk(bytes: &[u8]) -> Option<u64> {
    let half = |offset| le_bytes(bytes, offset).map(|bytes| u16::from_le_bytes(bytes) as usize);
    let word = |offset| le_bytes(bytes, offset).map(|bytes| u32::from_le_bytes(bytes) as usize);
    let header = word(60)?;
    if bytes.get(header..header.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let sections = header + 24 + half(header + 20)?;
    let ends = (0..half(header + 6)?).map_while(|index| {
        let section = sections + 40 * index;
        Some(word(section + 16)? as u64 + word(section + 20)? as u64)
    });
    ends.max()
}

fn cut_off(bytes: &[u8], expected: u64) -> String {
    format!("is cut off: it has {} bytes and should have at least {expected}; fetch it again", bytes.len())
}

/// What else people mistake for a RISC-V kernel.
fn describe(bytes: &[u8]) -> String {
    let known = if bytes.is_empty() {
        "empty"
    } else if bytes.starts_with(b"\x7fELF") {
        return format!("an ELF file for {}, perhaps vmlinux", elf_machine(bytes));
    } else if bytes.get(0x202..0x206) == Some(b"HdrS") {
        "an x86 kernel (bzImage)"
    } else if bytes.get(MAGIC2..MAGIC2 + 4) == Some(b"ARM\x64") {
        "an arm64 kernel"
    } else if bytes.starts_with(b"070701") || compression(bytes).is_some() {
        "an initrd rather than a kernel"
    } else if bytes.starts_with(b"MZ") {
        "an EFI program for another processor"
    } else if bytes.starts_with(b"\xd0\x0d\xfe\xed") {
        "a device tree"
    } else if bytes.len() < HEADERS {
        "too short for a kernel"
    } else {
        "not a kernel"
    };
    known.to_owned()
}

fn elf_machine(bytes: &[u8]) -> &'static str {
    match le_bytes(bytes, 18).map(u16::from_le_bytes) {
        Some(0xf3) => "RISC-V",
        Some(62) => "x86-64",
        Some(183) => "arm64",
        _ => "another processor",
    }
}

//! The program's own pages, which are charged to machine memory: those that Linux can read again from the program's file go back to it.
//!
//! **Model.** Linux maps what is near a page with it when it is first used, and lets it stay. So a program keeps what it used only once: to
//! start, to boot a guest, to answer a rare request. [`give_back`] unmaps all that cannot have been written; what is used next comes back
//! from the file's cache, 64 KiB at a time. What a debugger wrote into the program, its breakpoints, goes with the pages.
//!
//! **Cost.** Some microseconds for each MiB, and a fault of about a microsecond for each 64 KiB that are used again.
//!
//! **Sources.** ELF, "Program Header"; `dl_iterate_phdr(3)`; `madvise(2)`, `MADV_DONTNEED`; Linux `mm/memory.c`, "fault around".

/// Gives Linux the pages of the program that are as they are in its file. Linux reads again what is used.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `give_back_segments` is called with what the loader says of one object at a time, and keeps nothing of it.
    unsafe {
        libc::dl_iterate_phdr(Some(give_back_segments), std::ptr::null_mut());
    }
}

/// Unmaps the segments of an object that are never written, and asks for no other object: the first is the program.
///
/// # Safety
/// `object` is what `dl_iterate_phdr` passes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" fn give_back_segments(
    object: *mut libc::dl_phdr_info,
    _size: usize,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader passes a description that is valid during the call, with `dlpi_phnum` headers at `dlpi_phdr`.
    let (start, headers) = unsafe {
        let object = &*object;
        (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)))
    };
    let page = rustix::param::page_size() as u64;
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        if header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let first = (start + header.p_vaddr).next_multiple_of(page);
        let end = (start + header.p_vaddr + header.p_filesz) / page * page;
        let Some(size) = end.checked_sub(first).filter(|size| *size > 0) else { continue };
        // SAFETY: the range lies within a segment that the program may not write: what the loader changes (relocations) is in segments
        // with `PF_W`, also where it protects them afterwards. So its pages are those of the file, which stays mapped: whoever runs or
        // reads them has them mapped again, with the same bytes.
        unsafe { libc::madvise(first as *mut libc::c_void, size as usize, libc::MADV_DONTNEED) };
    }
    1
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    static WRITTEN: [u64; 4096] = [7; 4096];

    /// What Linux counts of files that are mapped, in KiB.
    fn of_files() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    #[test]
    fn what_is_in_the_file_goes_and_comes_back_as_it_was() {
        let sum = || std::hint::black_box(&WRITTEN).iter().sum::<u64>();
        assert_eq!(sum(), 7 * 4096);
        let before = of_files();
        give_back();
        let after = of_files();
        assert!(after < before, "{before} KiB of files before, {after} KiB after");
        assert_eq!(sum(), 7 * 4096);
        let others = [(); 4].map(|()| std::thread::spawn(|| (0..1000).for_each(|_| give_back())));
        assert_eq!(others.map(|other| other.join().is_ok()), [true; 4]);
    }
}

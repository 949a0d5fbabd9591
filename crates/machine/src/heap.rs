//! The process's heap, which is charged to machine memory: what it does not need goes back to Linux.
//!
//! **Model.** glibc's allocator keeps what it was given back for later: in as many arenas as there were threads, and blocks of up to 32 MiB
//! once one of that size was freed. [`keep_little`] has it use two arenas, and map large blocks by themselves, so that they go back when they
//! are freed; [`give_back`] has it return all pages that hold nothing. Other allocators are left as they are.
//!
//! **Cost.** [`give_back`] looks at all free blocks: some milliseconds, in which threads that allocate may wait.
//!
//! **Sources.** glibc's manual, "Tunable Parameters" of malloc; `malloc_trim(3)`. Why this and no other allocator:
//! `docs/decisions/0054-the-heap-gives-back.md`.

/// Has the allocator keep little of what it is given back, from now on. For the whole process.
pub fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in
        [(libc::M_ARENA_MAX, 2), (libc::M_MMAP_THRESHOLD, 128 << 10), (libc::M_TRIM_THRESHOLD, 128 << 10)]
    {
        // SAFETY: it takes two numbers and changes only how the allocator goes about its own memory, under its own lock. A value that it
        // does not take leaves it as it is.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Gives Linux the pages of the heap that hold nothing.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it touches only memory that nobody was given, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

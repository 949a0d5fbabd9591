//! Which system calls each kind of thread may make.
//!
//! **Sources.** Linux's manual pages of section 2; what glibc 2.36 (Debian 12) and 2.41 (Debian 13) make of the standard library's calls. To find what is
//! missing, run a host with `--sandbox log`.

use libc::{
    AF_UNIX, CLONE_THREAD, FIOCLEX, FIONBIO, FIONREAD, O_CREAT, O_RDWR, O_TRUNC, O_WRONLY, PROT_EXEC, TCGETS,
    TCGETS2, TCSETS, TCSETS2, TCSETSF, TCSETSF2, TCSETSW, TCSETSW2, TIOCGWINSZ,
};

/// Of what kind a thread is. Each may do what those before it may, but for the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// It does what a guest wants, as a vCPU or a device: it computes, and reads and writes files that are open.
    Guest,
    /// It measures and takes memory: it opens files to read them, and starts threads.
    Memory,
    /// It answers requests, keeps files, and starts VMs. It starts no program, and asks nobody.
    Service,
    /// It tells systemd how the host is.
    Notify,
}

/// A call that may be made.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) number: i64,
    pub(crate) only: Only,
}

/// With which arguments.
#[derive(Clone, Copy)]
pub(crate) enum Only {
    /// Any.
    Any,
    /// If none of these bits of an argument is set.
    Without { argument: u8, bits: u64 },
    /// If all of these are.
    With { argument: u8, bits: u64 },
    /// If an argument is one of these.
    OneOf { argument: u8, values: &'static [u64] },
    /// About this process, which the first argument names.
    Ourselves,
    /// About this process, for which the first argument is 0.
    OurOwnLimits,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Guest, Self::Memory, Self::Service, Self::Notify];

    pub(crate) fn calls(self) -> Vec<Call> {
        let (any, some): (&[&[i64]], &[&[Call]]) = match self {
            Self::Guest => (&[GUEST], &[GUEST_SOME]),
            Self::Memory => (&[GUEST, MEMORY], &[GUEST_SOME, MEMORY_SOME]),
            Self::Service => (&[GUEST, MEMORY, SERVICE], &[GUEST_SOME, SERVICE_SOME]),
            Self::Notify => (&[GUEST, NOTIFY], &[GUEST_SOME, NOTIFY_SOME]),
        };
        let any = any.iter().copied().flatten().map(|&number| Call { number, only: Only::Any });
        any.chain(some.iter().copied().flatten().copied()).collect()
    }
}

/// No memory of ours is ever run.
const NO_CODE: Only = Only::Without { argument: 2, bits: PROT_EXEC as u64 };

/// What every thread does: memory, waiting, time, its own end, and files that are open.
const GUEST: &[i64] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Waiting and time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_futex,
    libc::SYS_getrusage,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // A thread's own beginning, priority and end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getpriority,
    libc::SYS_gettid,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_setpriority,
    libc::SYS_sigaltstack,
    // Signals that arrive.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    // A sandbox of its own.
    libc::SYS_prctl,
    libc::SYS_seccomp,
    // Files that are open, and lines of the log to systemd's journal.
    libc::SYS_close,
    libc::SYS_epoll_pwait,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getrandom,
    libc::SYS_lseek,
    libc::SYS_memfd_create,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_sync_file_range,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

const GUEST_SOME: &[Call] = &[
    Call { number: libc::SYS_mmap, only: NO_CODE },
    Call { number: libc::SYS_mprotect, only: NO_CODE },
    // Aborting.
    Call { number: libc::SYS_tgkill, only: Only::Ourselves },
    Call { number: libc::SYS_prlimit64, only: Only::OurOwnLimits },
];

/// Files that are read, and what there is to know of them.
const MEMORY: &[i64] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

/// Threads, but no processes. The C library asks by `clone3` first, whose arguments no filter can see, and then by `clone`.
const THREADS: Call =
    Call { number: libc::SYS_clone, only: Only::With { argument: 0, bits: CLONE_THREAD as u64 } };

const MEMORY_SOME: &[Call] = &[
    Call {
        number: libc::SYS_openat,
        only: Only::Without { argument: 2, bits: (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) as u64 },
    },
    THREADS,
];

/// Files that are made and changed, and connections that came.
const SERVICE: &[i64] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_eventfd2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_flock,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_getuid,
    libc::SYS_linkat,
    libc::SYS_mkdirat,
    libc::SYS_openat,
    libc::SYS_pipe2,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_splice,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

const SERVICE_SOME: &[Call] = &[
    THREADS,
    // Whether reading waits, how large a terminal is and how it behaves. Nothing types into one.
    Call {
        number: libc::SYS_ioctl,
        only: Only::OneOf {
            argument: 1,
            values: &[
                FIOCLEX, FIONBIO, FIONREAD, TCGETS, TCGETS2, TCSETS, TCSETS2, TCSETSW, TCSETSW2, TCSETSF,
                TCSETSF2, TIOCGWINSZ,
            ],
        },
    },
];

const NOTIFY: &[i64] = &[libc::SYS_connect, libc::SYS_setsockopt, libc::SYS_shutdown];

const NOTIFY_SOME: &[Call] =
    &[Call { number: libc::SYS_socket, only: Only::OneOf { argument: 0, values: &[AF_UNIX as u64] } }];

/// What nothing in this process does, nor what it starts: alarms' commands.
pub(crate) const FORBIDDEN: &[i64] = &[
    // The kernel itself, its clock and its log.
    libc::SYS_acct,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_perf_event_open,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    // What others see of files, and who one is.
    libc::SYS_chroot,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    // Other processes' memory and files, keys, and calls that pass by filters.
    libc::SYS_add_key,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_keyctl,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

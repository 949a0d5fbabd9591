//! What Linux says of the host's process, under the names that all programs give it.

use super::text::Text;
use procfs::process::Process;
use procfs::{ProcResult, WithCurrentSystemInfo};

struct Figures {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    files: usize,
    most_files: Option<u64>,
    threads: i64,
    started: f64,
}

/// # Errors
/// If Linux does not say.
fn figures() -> ProcResult<Figures> {
    let me = Process::myself()?;
    let stat = me.stat()?;
    let ticks = procfs::ticks_per_second() as f64;
    let most_files = match me.limits()?.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(most) => Some(most),
        procfs::process::LimitValue::Unlimited => None,
    };
    Ok(Figures {
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        resident_bytes: stat.rss_bytes().get(),
        virtual_bytes: stat.vsize,
        files: me.fd_count()?,
        most_files,
        threads: stat.num_threads,
        started: procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
    })
}

impl Text {
    /// Nothing, where Linux does not say.
    pub(super) fn of_process(&mut self) {
        let Ok(of) = figures() else { return };
        self.counter("process_cpu_seconds_total", "Processor time, of all VMs, too.", of.cpu_seconds);
        self.gauge("process_resident_memory_bytes", "Memory in use, the pool's among it.", of.resident_bytes);
        self.gauge("process_virtual_memory_bytes", "Addresses in use.", of.virtual_bytes);
        self.gauge("process_open_fds", "Open files.", of.files);
        if let Some(most) = of.most_files {
            self.gauge("process_max_fds", "How many there may be.", most);
        }
        self.gauge("process_threads", "Threads.", of.threads);
        self.gauge("process_start_time_seconds", "When it was started, since 1970.", of.started);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_says_it_of_this_process() {
        let of = figures().expect("/proc is there");
        assert!(of.resident_bytes > 1 << 20 && of.virtual_bytes > of.resident_bytes);
        assert!(of.files >= 3 && of.threads >= 1 && of.most_files.is_none_or(|most| most >= of.files as u64));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(of.started < now + 1.0 && of.started > now - 86_400.0, "{} at {now}", of.started);
    }
}

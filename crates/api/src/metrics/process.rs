//! What Linux says of the host's process, under the names that all programs give it.

use super::text::Text;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use std::fs::{read_dir, read_to_string};

struct Figures {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    files: usize,
    most_files: Option<u64>,
    threads: u64,
    started: f64,
}

/// `None` if Linux does not say.
fn figures() -> Option<Figures> {
    let stat = read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name, in parentheses and with whatever is in it; `proc_pid_stat(5)` counts from 1.
    let behind_name = &stat[stat.rfind(')')? + 1..];
    let fields: Vec<u64> = behind_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = clock_ticks_per_second() as f64;
    let of_machine = read_to_string("/proc/stat").ok()?;
    let booted: f64 = of_machine.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(Figures {
        cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
        resident_bytes: field(24)?.saturating_mul(page_size() as u64),
        virtual_bytes: field(23)?,
        // Less the one that lists them.
        files: read_dir("/proc/self/fd").ok()?.count().saturating_sub(1),
        most_files: getrlimit(Resource::Nofile).current,
        threads: field(20)?,
        started: booted + field(22)? as f64 / ticks,
    })
}

impl Text {
    /// Nothing, where Linux does not say.
    pub(super) fn of_process(&mut self) {
        let Some(of) = figures() else { return };
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

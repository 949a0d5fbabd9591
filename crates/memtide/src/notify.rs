//! What systemd is told of the host, if it wants to know.
//!
//! **Model.** The unit is `Type=notify` with a watchdog. The host is *ready* when it can be asked. From then on its *status* is the
//! host's state and how many VMs run, and the watchdog is fed with each new measurement of the memory loop: a loop that hangs ends
//! the service, and systemd starts it again. While it *stops*, systemd waits as long as guests may take to shut down, and a while
//! more; then it ends what is left.
//!
//! **Failure.** Nobody listens unless systemd started the host. What cannot be said is said with the next change, or not at all.
//!
//! **Sources.** `sd_notify(3)`, `systemd.service(5)`.

use host::Host;
use model::HostStatus;
use sandbox::Kind;
use sd_notify::NotifyState;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often something new is looked for: measurements come once a second.
const TICK: Duration = Duration::from_secs(1);
/// What ending takes beyond the time that guests have: VMs that are stopped at once, answers, files.
const ENDING: Duration = Duration::from_secs(30);

/// Tells systemd how the host is until it is dropped.
pub(crate) struct Notifier {
    /// Told how long guests have once the host stops. Dropped to end the thread, which alone may have a socket.
    ending: Option<Sender<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl Notifier {
    /// Begins, if systemd listens.
    ///
    /// # Errors
    /// There is no thread for that.
    pub(crate) fn begin(host: &Host) -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self { ending: None, thread: None });
        }
        let (ending, ended) = channel();
        let host = host.clone();
        let thread = thread::Builder::new().name("notify".to_owned()).spawn(move || {
            sandbox::keep_to(Kind::Notify);
            let mut last = Last { status: String::new(), fed: 0 };
            loop {
                match ended.recv_timeout(TICK) {
                    Ok(deadline) => say_stopping(deadline),
                    Err(RecvTimeoutError::Timeout) => last.catch_up(&host.status(), host.vm_count()),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { ending: Some(ending), thread: Some(thread) })
    }

    /// Says that the host is ready.
    pub(crate) fn ready(&self, host: &Host) {
        if self.thread.is_some() {
            let status = told(&host.status(), host.vm_count());
            say(&[NotifyState::Ready, NotifyState::Status(&status)]);
        }
    }

    /// Says that the host stops, and that its guests have so long for it.
    pub(crate) fn stopping(&self, deadline: Duration) {
        // Without a thread nobody is told anything.
        let _ = self.ending.as_ref().map(|ending| ending.send(deadline));
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.ending = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was printed.
            let _ = thread.join();
        }
    }
}

/// What was said last.
struct Last {
    status: String,
    /// The measurement that the watchdog was fed with.
    fed: u64,
}

impl Last {
    /// Says what is different.
    fn catch_up(&mut self, status: &Arc<HostStatus>, vms: usize) {
        if self.fed != status.at_milliseconds {
            self.fed = status.at_milliseconds;
            say(&[NotifyState::Watchdog]);
        }
        let told = told(status, vms);
        if self.status != told {
            say(&[NotifyState::Status(&told)]);
            self.status = told;
        }
    }
}

/// The host in a line.
fn told(status: &HostStatus, vms: usize) -> String {
    format!("memory is {}; {} of {vms} VMs run", status.state, status.vms.len())
}

fn say_stopping(deadline: Duration) {
    let most = u32::try_from((deadline + ENDING).as_micros()).unwrap_or(u32::MAX);
    say(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(most)]);
}

fn say(what: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::debug!("systemd does not listen: {error}");
    }
}

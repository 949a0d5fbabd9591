//! What others ask of the host about VMs' power.

use crate::error::HostError;
use crate::host::Host;
use crate::progress::Progress;
use crate::stopping::{By, Stop, Stopped};
use crate::{autostart, pause, power, restart, stopping};
use model::VmInfo;
use std::sync::Arc;

impl Host {
    /// Starts a VM; returns when its guest runs.
    ///
    /// # Errors
    /// A refusal with figures if what it reserves, its overhead or its swap file has no room; a guest that
    /// cannot be loaded.
    pub fn start(&self, name: &str) -> Result<VmInfo, HostError> {
        self.start_with(name, &Progress::default())
    }

    /// The same, but can be cancelled: [`Host::stop`] wakes it where it waits.
    ///
    /// # Errors
    /// The same; [`HostError::Cancelled`].
    pub fn start_with(&self, name: &str, progress: &Progress) -> Result<VmInfo, HostError> {
        power::start(self.core(), name, progress)?;
        self.core().wait_for_plan();
        self.info(name)
    }

    /// Stops a VM; returns when its memory is free again, and says how it came to that.
    ///
    /// # Errors
    /// [`HostError::NoVm`]; [`HostError::StillRuns`] if its guest did not shut down and it was not to be powered
    /// off; [`HostError::Late`] if it does not end.
    pub fn stop(&self, name: &str, how: Stop) -> Result<Stopped, HostError> {
        self.stop_with(name, how, &Progress::default())
    }

    /// The same, but can be watched, and cancelled while it waits for the guest, which may then still shut down.
    ///
    /// # Errors
    /// The same; [`HostError::StopCancelled`].
    pub fn stop_with(&self, name: &str, how: Stop, progress: &Progress) -> Result<Stopped, HostError> {
        stopping::stop(self.core(), name, how, By::People, progress)
    }

    /// Restarts a VM, which must be running: at once, as [`Stop::Now`] has it, or after its guest was asked to shut down. Returns when its
    /// guest runs anew.
    ///
    /// # Errors
    /// [`HostError::NotRunning`]; [`HostError::StillRuns`] if its guest did not shut down and it was not to be powered off;
    /// [`HostError::NotRestarted`] if its guest cannot be loaded again, or somebody stopped it.
    pub fn restart(&self, name: &str, how: Stop) -> Result<VmInfo, HostError> {
        self.restart_with(name, how, &Progress::default())
    }

    /// The same, but can be watched, and cancelled while it waits for the guest, which may then still shut down.
    ///
    /// # Errors
    /// The same; [`HostError::StopCancelled`].
    pub fn restart_with(&self, name: &str, how: Stop, progress: &Progress) -> Result<VmInfo, HostError> {
        restart::restart(self.core(), name, how, progress)?;
        self.info(name)
    }

    /// Pauses a running VM. When this returns its guest executes nothing, and its clock stands still.
    ///
    /// # Errors
    /// [`HostError::NotRunning`].
    pub fn pause(&self, name: &str) -> Result<VmInfo, HostError> {
        pause::pause(self.core(), name)?;
        self.info(name)
    }

    /// Lets a paused VM go on.
    ///
    /// # Errors
    /// [`HostError::NotRunning`].
    pub fn resume(&self, name: &str) -> Result<VmInfo, HostError> {
        pause::resume(self.core(), name)?;
        self.info(name)
    }

    /// VMs that start with the host, in turn, if [`Host::autostart`] is called.
    pub fn starts_with_host(&self) -> Vec<String> {
        autostart::in_turn(&self.core().inventory.lock()).into_iter().map(|(name, _)| name).collect()
    }

    /// Starts the VMs that start with the host, in turn, and again those that cannot start, on a thread that is there already; calls
    /// `tell` with the name of each that runs. Called again, it does nothing.
    pub fn autostart(&self, tell: Box<dyn Fn(&str) + Send + Sync>) {
        *self.core().autostart.lock() = Some(Arc::from(tell));
        self.core().note_power();
    }
}

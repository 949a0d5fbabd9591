//! What a VM's vCPUs spend their time on: running, idle, and waiting for memory.
//!
//! **Model.** At every moment each vCPU does one of four things, and the account knows how many do which. Whenever
//! one changes what it does, and whenever somebody asks, the time since is added for all of them at once. So waits that
//! go on count like those that ended, and the parts add up to the number of vCPUs times the time that passed, to the
//! nanosecond.
//!
//! A device that waits for memory holds up a vCPU that is idle meanwhile, if there is one: that vCPU waits, as
//! far as the account goes. A device that waits while all vCPUs run holds up nobody.
//!
//! **Concurrency.** One lock, innermost, held for some additions.

use parking_lot::Mutex;
use std::time::Instant;

/// Who uses a page, for the account of the VM's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// A vCPU.
    Cpu,
    /// A device, or whoever loads the guest.
    Device,
    /// The host, for purposes of its own: nobody's time.
    Host,
}

/// What a vCPU does when it does not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// Waits for an interrupt, or is not started.
    Idle,
    /// Waits for a free frame.
    Frame,
    /// Waits for a page that is being decompressed, swapped in or otherwise worked on.
    Page,
}

/// What a VM's vCPUs spent their time on, in nanoseconds, all together. They add up to the number of vCPUs times the
/// time that passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// Running, the VMM's work for them included.
    pub running: u64,
    /// With nothing to do.
    pub idle: u64,
    /// Waiting for a free frame.
    pub waiting: u64,
    /// Waiting for pages to be decompressed, swapped in or otherwise worked on.
    pub latency: u64,
}

impl Times {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.running + self.idle + self.waiting + self.latency
    }

    /// What was spent since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            running: self.running - earlier.running,
            idle: self.idle - earlier.idle,
            waiting: self.waiting - earlier.waiting,
            latency: self.latency - earlier.latency,
        }
    }
}

/// How many do what.
#[derive(Clone, Copy, Default)]
struct Now {
    cpus: u64,
    /// vCPUs that are idle, wait for a frame, wait for a page.
    halted: [u64; 3],
    /// Devices that wait for a frame, for a page.
    devices: [u64; 2],
}

impl Now {
    /// Adds `nanoseconds` of this.
    fn spend(&self, nanoseconds: u64, times: &mut Times) {
        let [idle, frame, page] = self.halted;
        let held_up_for_frame = self.devices[0].min(idle);
        let held_up_for_page = self.devices[1].min(idle - held_up_for_frame);
        times.running += nanoseconds * (self.cpus - idle - frame - page);
        times.idle += nanoseconds * (idle - held_up_for_frame - held_up_for_page);
        times.waiting += nanoseconds * (frame + held_up_for_frame);
        times.latency += nanoseconds * (page + held_up_for_page);
    }

    /// Those counted for `user` in `halt`.
    fn count(&mut self, user: User, halt: Halt) -> Option<&mut u64> {
        match (user, halt) {
            (User::Host, _) | (User::Device, Halt::Idle) => None,
            (User::Device, Halt::Frame) => Some(&mut self.devices[0]),
            (User::Device, Halt::Page) => Some(&mut self.devices[1]),
            (User::Cpu, halt) => Some(&mut self.halted[halt as usize]),
        }
    }
}

struct Account {
    now: Now,
    /// Nanoseconds up to which the times are added.
    until: u64,
    times: Times,
}

impl Account {
    fn settle(&mut self, until: u64) {
        // Moments are taken before the lock: one may come late.
        self.now.spend(until.saturating_sub(self.until), &mut self.times);
        self.until = self.until.max(until);
    }
}

/// Keeps account of the time of a VM's vCPUs.
pub struct TimeAccount {
    began: Instant,
    account: Mutex<Account>,
}

impl TimeAccount {
    /// Of a VM whose vCPUs are to come.
    pub(crate) fn new() -> Self {
        let account = Account { now: Now::default(), until: 0, times: Times::default() };
        Self { began: Instant::now(), account: Mutex::new(account) }
    }

    fn settled<T>(&self, then: impl FnOnce(&mut Account) -> T) -> T {
        let until = self.began.elapsed().as_nanos() as u64;
        let mut account = self.account.lock();
        account.settle(until);
        then(&mut account)
    }

    /// From now on there are `cpus` more vCPUs, which run.
    pub fn add_cpus(&self, cpus: u32) {
        self.settled(|account| account.now.cpus += u64::from(cpus));
    }

    /// From now on there is one less of those that run.
    pub fn remove_cpu(&self) {
        self.settled(|account| account.now.cpus -= 1);
    }

    /// `user` halts until what this gives is dropped.
    pub fn halt(&self, user: User, halt: Halt) -> Halted<'_> {
        self.change(user, halt, |count| count + 1);
        Halted { account: self, user, halt }
    }

    fn change(&self, user: User, halt: Halt, by: impl Fn(u64) -> u64) {
        if user != User::Host {
            self.settled(|account| {
                if let Some(count) = account.now.count(user, halt) {
                    *count = by(*count);
                }
            });
        }
    }

    /// What was spent so far, what goes on included.
    pub fn now(&self) -> Times {
        self.settled(|account| account.times)
    }
}

/// Somebody halts. See [`TimeAccount::halt`].
pub struct Halted<'a> {
    account: &'a TimeAccount,
    user: User,
    halt: Halt,
}

impl Drop for Halted<'_> {
    fn drop(&mut self) {
        self.account.change(self.user, self.halt, |count| count - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HALTS: [Halt; 3] = [Halt::Idle, Halt::Frame, Halt::Page];

    /// What one of several does at a moment, told apart by a vCPU or device of its own.
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Does {
        Runs,
        Halts(Halt),
    }

    fn does() -> impl Strategy<Value = Does> {
        prop_oneof![Just(Does::Runs), (0usize..3).prop_map(|which| Does::Halts(HALTS[which]))]
    }

    proptest! {
        /// Steps of (time that passes, who changes, to what): the parts are those of a model that looks at each
        /// nanosecond by itself, at every moment, and add up to what passed.
        #[test]
        fn parts_add_up_to_the_time_that_passed_at_every_moment(
            cpus in 1usize..4,
            steps in prop::collection::vec((0u64..30, 0usize..6, does()), 1..60),
        ) {
            let mut account = Account { now: Now::default(), until: 0, times: Times::default() };
            account.now.cpus = cpus as u64;
            let mut doing = [Does::Runs; 6];
            let mut model = Times::default();
            let mut until = 0;
            for (passes, who, does) in steps {
                for _ in 0..passes {
                    let count = |what, of: &[Does]| of.iter().filter(|does| **does == what).count() as u64;
                    let at = |halt| count(Does::Halts(halt), &doing[..cpus]);
                    let device = |halt| count(Does::Halts(halt), &doing[cpus..]);
                    let mut idle = at(Halt::Idle);
                    let mut held_up = |by: u64| { let by = by.min(idle); idle -= by; by };
                    model.waiting += at(Halt::Frame) + held_up(device(Halt::Frame));
                    model.latency += at(Halt::Page) + held_up(device(Halt::Page));
                    model.idle += idle;
                    model.running += count(Does::Runs, &doing[..cpus]);
                }
                until += passes;
                account.settle(until);
                prop_assert_eq!(account.times, model);
                prop_assert_eq!(account.times.total(), until * cpus as u64);
                let user = if who < cpus { User::Cpu } else { User::Device };
                for (does, sign) in [(doing[who], -1), (does, 1)] {
                    if let Does::Halts(halt) = does && let Some(count) = account.now.count(user, halt) {
                        *count = count.checked_add_signed(sign).unwrap();
                    }
                }
                doing[who] = does;
            }
        }
    }

    #[test]
    fn a_wait_counts_while_it_lasts_and_nothing_of_it_afterwards() {
        let account = TimeAccount::new();
        account.add_cpus(1);
        let before = account.now();
        let wait = account.halt(User::Cpu, Halt::Frame);
        let started = account.now();
        let mut during = account.now().since(&started);
        while during.waiting == 0 {
            during = account.now().since(&started);
        }
        assert_eq!(during.total(), during.waiting, "it does nothing else");
        drop(wait);
        let ended = account.now();
        let after = account.now().since(&ended);
        assert_eq!(after.total(), after.running, "nothing of the wait is left for later");
        assert!(account.now().since(&before).waiting >= during.waiting);
    }

    #[test]
    fn what_the_host_does_for_itself_is_nobodys_time() {
        let account = TimeAccount::new();
        account.add_cpus(2);
        let _idle = account.halt(User::Cpu, Halt::Idle);
        let _host = account.halt(User::Host, Halt::Page);
        let times = account.now();
        assert_eq!((times.waiting, times.latency), (0, 0));
        account.remove_cpu();
        let before = account.now();
        let after = account.now().since(&before);
        assert_eq!(after.total(), after.idle);
    }
}

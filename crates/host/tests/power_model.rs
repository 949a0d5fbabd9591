//! A VM's power and what is wanted of it, against a model: any order of what people, its guest and bad luck do. The host crashes at any
//! moment: another one opens a copy of its state directory, made while it runs.

use addr::ByteSize;
use host::{Host, HostConfig, HostError, Stop};
use model::{Afterwards, Autostart, HowEnded, Power, VmChange, VmSpec};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);
const SIZE: ByteSize = ByteSize::mib(48);
const STEPS: usize = 250;

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Start,
    Stop,
    Restart,
    Pause,
    Resume,
    Autostart(Autostart),
    OnReboot(Afterwards),
    OnPanic(Afterwards),
    /// Its guest powers it off, reboots it, or ends it because something failed.
    PowersOff,
    Reboots,
    GivesUp,
    /// The host cannot go on with it.
    Fails,
    /// The kernel's file is taken away, or is there again.
    Kernel(bool),
    /// The host ends as it should, or crashes; another one starts.
    Shutdown,
    Crash,
}

/// What is expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Model {
    power: Power,
    wanted: bool,
    autostart: Autostart,
    on_reboot: Afterwards,
    on_panic: Afterwards,
    kernel: bool,
    /// It could not start with the host, and is tried again.
    tried_again: bool,
    /// Restarts one soon after the other.
    restarts: u32,
}

impl Model {
    const NEW: Self = Self {
        power: Power::Stopped,
        wanted: false,
        autostart: Autostart::Last,
        on_reboot: Afterwards::Restart,
        on_panic: Afterwards::Keep,
        kernel: true,
        tried_again: false,
        restarts: 0,
    };

    fn is_on(&self) -> bool {
        self.power != Power::Stopped
    }

    /// Whether a step can be made: what only a running guest does, and no restart that would be waited for.
    fn suits(&self, step: Step) -> bool {
        match step {
            Step::PowersOff | Step::Reboots | Step::GivesUp => {
                self.power == Power::Running && self.restarts < 3
            }
            Step::Fails => self.is_on(),
            _ => true,
        }
    }

    fn off(self) -> Self {
        Self { power: Power::Stopped, wanted: false, ..self }
    }

    fn again(self, restarts: u32) -> Self {
        // One whose guest cannot be loaded again has failed, and nobody wants it off.
        let power = if self.kernel { Power::Running } else { Power::Stopped };
        Self { power, restarts, ..self }
    }

    fn with_host(self) -> Self {
        let starts = match self.autostart {
            Autostart::Yes => true,
            Autostart::No => false,
            Autostart::Last => self.wanted,
        };
        let before = Self { power: Power::Stopped, tried_again: false, restarts: 0, ..self };
        match (starts, self.kernel) {
            (true, true) => Self { power: Power::Running, wanted: true, ..before },
            (true, false) => Self { tried_again: true, ..before },
            (false, _) => before,
        }
    }

    /// What follows, and whether a request is done.
    fn after(self, step: Step) -> (Self, bool) {
        match step {
            Step::Start if self.is_on() || !self.kernel => (self, false),
            Step::Start => {
                (Self { power: Power::Running, wanted: true, tried_again: false, restarts: 0, ..self }, true)
            }
            Step::Stop => (Self { tried_again: false, ..self.off() }, true),
            Step::Restart | Step::Pause | Step::Resume if !self.is_on() => (self, false),
            Step::Restart => (self.again(0), self.kernel),
            Step::Pause => (Self { power: Power::Paused, ..self }, true),
            Step::Resume => (Self { power: Power::Running, ..self }, true),
            Step::Autostart(autostart) => (
                Self { autostart, tried_again: self.tried_again && autostart != Autostart::No, ..self },
                true,
            ),
            Step::OnReboot(on_reboot) => (Self { on_reboot, ..self }, true),
            Step::OnPanic(on_panic) => (Self { on_panic, ..self }, true),
            Step::Reboots => match self.on_reboot {
                Afterwards::Restart => (self.again(self.restarts + 1), true),
                Afterwards::Stop => (self.off(), true),
                Afterwards::Keep => (Self { power: Power::Paused, ..self }, true),
            },
            Step::GivesUp if self.on_panic == Afterwards::Restart => (self.again(self.restarts + 1), true),
            Step::PowersOff | Step::GivesUp => (self.off(), true),
            Step::Fails => (Self { power: Power::Stopped, ..self }, true),
            Step::Kernel(true) if self.tried_again => {
                let starts =
                    Self { power: Power::Running, wanted: true, tried_again: false, restarts: 0, ..self };
                (Self { kernel: true, ..starts }, true)
            }
            Step::Kernel(kernel) => (Self { kernel, ..self }, true),
            Step::Shutdown | Step::Crash => (self.with_host(), true),
        }
    }
}

/// A host and the directories of all before it.
struct World {
    place: TempDir,
    host: Host,
    /// How many hosts there were.
    hosts: usize,
}

fn config(place: &Path, number: usize) -> HostConfig {
    let state = place.join(format!("state-{number}"));
    HostConfig { state, machine_memory: ByteSize::mib(96), swap: place.join("swap") }
}

/// Copies a directory that changes meanwhile: what is gone by then is left out.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else if let Ok(content) = std::fs::read(entry.path()) {
            std::fs::write(to, content).unwrap();
        }
    }
}

impl World {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("kernel"), kernels::obeying()).unwrap();
        let host = Host::open(&config(place.path(), 0)).unwrap();
        let world = Self { place, host, hosts: 1 };
        world.host.create(VmSpec::new("vm", SIZE, world.kernel())).unwrap();
        world
    }

    fn kernel(&self) -> PathBuf {
        self.place.path().join("kernel")
    }

    /// The disk as it is now, for another host.
    fn crash(&mut self) -> usize {
        let next = self.hosts;
        self.hosts += 1;
        copy(&config(self.place.path(), next - 1).state, &config(self.place.path(), next).state);
        next
    }

    fn open(&mut self, number: usize) {
        self.host = Host::open(&config(self.place.path(), number)).unwrap();
    }

    fn guest_asks(&self, kind: u8, reason: u8) -> Result<(), HostError> {
        self.host.type_in("vm", &[kind | reason << 1]).map(drop)
    }

    fn make(&mut self, step: Step) -> Result<(), HostError> {
        let host = &self.host;
        let set = |change: VmChange| host.set("vm", &change).map(drop);
        match step {
            Step::Start => host.start("vm").map(drop),
            Step::Stop => host.stop("vm", Stop::Now).map(drop),
            Step::Restart => host.restart("vm", Stop::Now).map(drop),
            Step::Pause => host.pause("vm").map(drop),
            Step::Resume => host.resume("vm").map(drop),
            Step::Autostart(autostart) => set(VmChange { autostart: Some(autostart), ..VmChange::default() }),
            Step::OnReboot(on_reboot) => set(VmChange { on_reboot: Some(on_reboot), ..VmChange::default() }),
            Step::OnPanic(on_panic) => set(VmChange { on_panic: Some(on_panic), ..VmChange::default() }),
            Step::PowersOff => self.guest_asks(0, 0),
            Step::Reboots => self.guest_asks(1, 0),
            Step::GivesUp => self.guest_asks(0, 1),
            Step::Fails => {
                host.vm("vm").expect("it is on").fail("for a test".to_owned());
                Ok(())
            }
            Step::Kernel(true) => {
                std::fs::write(self.kernel(), kernels::obeying()).unwrap();
                Ok(())
            }
            Step::Kernel(false) => {
                let _ = std::fs::remove_file(self.kernel());
                Ok(())
            }
            Step::Shutdown => {
                host.shutdown();
                self.open(self.hosts - 1);
                self.starts_with_host();
                Ok(())
            }
            Step::Crash => {
                let next = self.crash();
                self.open(next);
                self.starts_with_host();
                Ok(())
            }
        }
    }

    fn starts_with_host(&self) {
        self.host.autostart(Box::new(|_| ()));
    }

    /// What is so: the VM's power, whether it is wanted on, and whether the disk has that.
    fn seen(&self) -> (Power, bool, bool) {
        let info = self.host.info("vm").unwrap();
        let file = config(self.place.path(), self.hosts - 1).state.join("vms/vm.on");
        (info.power, info.wanted_on, file.exists())
    }

    #[track_caller]
    fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            let events = self.host.events_since(0);
            let told: Vec<String> =
                events.iter().rev().take(12).map(|event| format!("{:?}", event.what)).collect();
            assert!(Instant::now() < deadline, "{what}: {:?}\n{}", self.host.info("vm"), told.join("\n"));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// How often the VM's guest was heard.
    fn heard(&self) -> usize {
        let is_run = |name: &str| matches!(name, "vm-restarted" | "vm-kept" | "vm-ended");
        self.host.events_since(0).iter().filter(|event| is_run(event.what.name())).count()
    }
}

fn any_step(random: &mut fastrand::Rng) -> Step {
    let after = [Afterwards::Restart, Afterwards::Stop, Afterwards::Keep][random.usize(..3)];
    match random.u32(..34) {
        0..6 => Step::Start,
        6..9 => Step::Stop,
        9..11 => Step::Restart,
        11..14 => Step::Pause,
        14..17 => Step::Resume,
        17..19 => Step::Autostart([Autostart::Yes, Autostart::No, Autostart::Last][random.usize(..3)]),
        19..21 => Step::OnReboot(after),
        21..23 => Step::OnPanic(after),
        23 => Step::PowersOff,
        24..26 => Step::Reboots,
        26 => Step::GivesUp,
        27 => Step::Fails,
        28..31 => Step::Kernel(random.u32(..3) > 0),
        31 => Step::Shutdown,
        _ => Step::Crash,
    }
}

#[test]
fn whatever_happens_in_whichever_order_a_vm_is_on_or_off_as_it_should_be() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut world, mut model) = (World::new(), Model::NEW);
    let mut made = std::collections::BTreeMap::<String, usize>::new();
    let mut last = Vec::new();
    for number in 0..STEPS {
        let step = any_step(&mut random);
        if !model.suits(step) {
            continue;
        }
        let heard = world.heard();
        let (next, is_done) = model.after(step);
        let outcome = world.make(step);
        last.push(format!("{number}: {step:?}: {outcome:?}"));
        let all = last[last.len().saturating_sub(12)..].join("\n");
        assert_eq!(outcome.is_ok(), is_done, "{model:?}\n{all}");
        // What its guest does takes a moment, and so does what the host then does.
        if matches!(step, Step::PowersOff | Step::Reboots | Step::GivesUp) {
            world.wait_for(&format!("it is noticed\n{all}"), || world.heard() > heard);
        }
        let expected = (next.power, next.wanted, next.wanted);
        world.wait_for(&format!("{expected:?} of {next:?}\n{all}"), || world.seen() == expected);
        *made.entry(format!("{step:?}").split('(').next().unwrap().to_owned()).or_default() += 1;
        model = next;
    }
    println!("{made:?}");
    assert_eq!(made.len(), 15, "each kind of step was made: {made:?}");
}

#[test]
fn a_crash_within_a_step_leaves_what_was_or_what_is_asked() {
    let mut random = fastrand::Rng::with_seed(12);
    let (mut world, mut model) = (World::new(), Model::NEW);
    let (mut before, mut after) = (0, 0);
    // On a busy machine a step takes longer, and few crashes come after it.
    for round in 0.. {
        if round >= 60 && before >= 5 && after >= 5 || round >= 600 {
            break;
        }
        let steps = if model.is_on() { [Step::Stop, Step::Restart, Step::Fails] } else { [Step::Start; 3] };
        let step = steps[random.usize(..3)];
        let delay = Duration::from_micros(random.u64(..4000));
        let (next, _) = model.after(step);
        // The disk is copied while that is being done, or a little later.
        let copied = std::thread::scope(|scope| {
            let host = world.host.clone();
            let made = scope.spawn(move || match step {
                Step::Start => host.start("vm").map(drop),
                Step::Restart => host.restart("vm", Stop::Now).map(drop),
                Step::Fails => {
                    host.vm("vm").unwrap().fail("for a test".to_owned());
                    Ok(())
                }
                _ => host.stop("vm", Stop::Now).map(drop),
            });
            std::thread::sleep(delay);
            let is_done = made.is_finished();
            let copied = world.crash();
            made.join().unwrap().unwrap();
            (copied, is_done)
        });
        world.open(copied.0);
        let wanted = world.host.info("vm").unwrap().wanted_on;
        assert!(wanted == next.wanted || wanted == model.wanted && !copied.1, "{round}: {step:?}: {wanted}");
        (before, after) = (before + usize::from(!copied.1), after + usize::from(copied.1));
        world.starts_with_host();
        model = Model { wanted, ..model }.with_host();
        world
            .wait_for("it is on again, or not", || world.seen() == (model.power, model.wanted, model.wanted));
    }
    println!("{before} crashes within, {after} after");
    assert!(before >= 5 && after >= 5, "{before} within, {after} after");
}

#[test]
fn a_paused_vm_runs_after_a_crash_as_its_autostart_has_it() {
    for (autostart, power) in
        [(Autostart::Last, Power::Running), (Autostart::Yes, Power::Running), (Autostart::No, Power::Stopped)]
    {
        let mut world = World::new();
        world.make(Step::Autostart(autostart)).unwrap();
        world.make(Step::Start).unwrap();
        world.make(Step::Pause).unwrap();
        assert_eq!(world.seen(), (Power::Paused, true, true));
        let next = world.crash();
        world.open(next);
        assert_eq!(world.host.info("vm").unwrap().ended, None::<HowEnded>, "nothing is known of its end");
        world.starts_with_host();
        world.wait_for("it is as it should be", || world.seen() == (power, true, true));
        if power == Power::Running {
            // It began anew, and does as it is told.
            world.make(Step::PowersOff).unwrap();
            world.wait_for("its guest powers it off", || world.seen() == (Power::Stopped, false, false));
        }
    }
}

/// VMs that are stopped at once.
const MANY: usize = 12;

#[test]
fn many_vms_are_stopped_at_once_and_not_one_after_the_other() {
    let place = tempfile::tempdir().unwrap();
    let kernel = place.path().join("sleeper");
    std::fs::write(&kernel, kernels::waiting()).unwrap();
    let machine = HostConfig { machine_memory: ByteSize::mib(512), ..config(place.path(), 0) };
    let host = Host::open(&machine).unwrap();
    let names: Vec<String> = (0..MANY).map(|number| format!("vm{number}")).collect();
    for name in &names {
        host.create(VmSpec::new(name.as_str(), SIZE, &kernel)).unwrap();
        host.start(name).unwrap();
    }
    // Somebody works with each, so that none has ended before all are stopping.
    let leases: Vec<_> = names.iter().map(|name| host.vm(name).unwrap()).collect();
    let stopping = || names.iter().filter(|name| host.info(name).unwrap().power == Power::Stopping).count();
    let deadline = Instant::now() + PATIENCE;
    std::thread::scope(|scope| {
        let end = scope.spawn(|| host.shutdown_with(Stop::default(), &host::Progress::default()));
        while stopping() < MANY && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let most = stopping();
        drop(leases);
        end.join().unwrap();
        assert_eq!(most, MANY, "all are stopping at the same time");
    });
    assert!(names.iter().all(|name| host.info(name).unwrap().power == Power::Stopped));
    assert!(Instant::now() < deadline);
}

use super::*;
use proptest::prelude::*;

const HARTS: usize = 2;

fn plic() -> (Arc<Plic>, Arc<Mutex<Vec<bool>>>) {
    let outputs = Arc::new(Mutex::new(vec![false; HARTS]));
    let seen = Arc::clone(&outputs);
    let sink: HartSink = Arc::new(move |hart, level| {
        let old = std::mem::replace(&mut seen.lock()[hart], level);
        assert_ne!(old, level, "the sink is told of changes only");
    });
    (Plic::new(HARTS, sink), outputs)
}

fn set_priority(plic: &Plic, source: u32, priority: u64) {
    plic.write(4 * u64::from(source), 4, priority);
}

fn enable(plic: &Plic, hart: u64, sources: u64) {
    plic.write(ENABLED + ENABLED_STRIDE * hart, 4, sources & 0xffff_ffff);
    plic.write(ENABLED + ENABLED_STRIDE * hart + 4, 4, sources >> 32);
}

fn set_threshold(plic: &Plic, hart: u64, threshold: u64) {
    plic.write(CONTEXT + CONTEXT_STRIDE * hart, 4, threshold);
}

fn claim(plic: &Plic, hart: u64) -> u32 {
    plic.read(CONTEXT + CONTEXT_STRIDE * hart + 4, 4) as u32
}

fn complete(plic: &Plic, hart: u64, source: u32) {
    plic.write(CONTEXT + CONTEXT_STRIDE * hart + 4, 4, source.into());
}

#[test]
fn one_of_two_racing_harts_gets_the_interrupt() {
    let (plic, outputs) = plic();
    set_priority(&plic, 10, 1);
    enable(&plic, 0, 1 << 10);
    enable(&plic, 1, 1 << 10);
    plic.line(10).set(true);
    assert_eq!(*outputs.lock(), [true, true]);
    assert_eq!(claim(&plic, 1), 10);
    assert_eq!(*outputs.lock(), [false, false]);
    assert_eq!(claim(&plic, 0), 0);
}

#[test]
fn a_level_still_high_at_completion_interrupts_again() {
    let (plic, outputs) = plic();
    let line = plic.line(40);
    set_priority(&plic, 40, 7);
    enable(&plic, 0, 1 << 40);
    line.set(true);
    assert_eq!(claim(&plic, 0), 40);
    line.set(false);
    line.set(true);
    assert_eq!(claim(&plic, 0), 0, "one request at a time");
    complete(&plic, 0, 40);
    assert!(outputs.lock()[0]);
    assert_eq!(claim(&plic, 0), 40);
    line.set(false);
    complete(&plic, 0, 40);
    assert!(!outputs.lock()[0]);
}

#[test]
fn wires_on_one_source_are_ored() {
    let (plic, outputs) = plic();
    let (first, second) = (plic.line(5), plic.line(5));
    set_priority(&plic, 5, 1);
    enable(&plic, 0, 1 << 5);
    first.set(true);
    second.set(true);
    assert_eq!(claim(&plic, 0), 5);
    first.set(false);
    complete(&plic, 0, 5);
    assert!(outputs.lock()[0], "the other wire is still high");
}

#[test]
fn completion_of_a_source_that_is_not_enabled_is_ignored() {
    let (plic, _) = plic();
    set_priority(&plic, 3, 1);
    enable(&plic, 0, 1 << 3);
    plic.line(3).set(true);
    assert_eq!(claim(&plic, 0), 3);
    complete(&plic, 1, 3);
    complete(&plic, 0, 64);
    complete(&plic, 0, u32::MAX);
    assert_eq!(claim(&plic, 0), 0);
    complete(&plic, 0, 3);
    assert_eq!(claim(&plic, 0), 3);
}

#[test]
fn the_threshold_masks_the_output_but_not_the_claim() {
    let (plic, outputs) = plic();
    set_priority(&plic, 3, 2);
    enable(&plic, 0, 1 << 3);
    set_threshold(&plic, 0, 2);
    plic.line(3).set(true);
    assert!(!outputs.lock()[0]);
    assert_eq!(claim(&plic, 0), 3);
}

#[test]
fn odd_accesses_are_counted_and_change_nothing() {
    let (plic, _) = plic();
    plic.write(4, 8, u64::MAX);
    plic.write(5, 4, u64::MAX);
    assert_eq!(plic.read(4, 1), 0);
    assert_eq!(plic.read(4, 4), 0);
    assert_eq!(plic.read(CONTEXT + CONTEXT_STRIDE * 100, 4), 0);
    let stats = plic.stats();
    assert_eq!((stats.accesses, stats.bad_requests), (5, 3));
    assert!(stats.last_bad.unwrap().contains("1-byte read at 0x4"));
}

/// What the specification says, source by source and with no bit masks.
#[derive(Default, Clone)]
struct Source {
    priority: u64,
    level: bool,
    pending: bool,
    in_service: bool,
    enabled: [bool; HARTS],
}

struct Model {
    sources: Vec<Source>,
    threshold: [u64; HARTS],
}

impl Model {
    fn gateways(&mut self) {
        for source in &mut self.sources {
            source.pending |= source.level && !source.in_service;
        }
    }

    fn output(&self, hart: usize) -> bool {
        self.sources.iter().any(|s| s.pending && s.enabled[hart] && s.priority > self.threshold[hart])
    }

    fn claim(&mut self, hart: usize) -> usize {
        let mut best = 0;
        for (number, source) in self.sources.iter().enumerate().skip(1) {
            if source.pending && source.enabled[hart] && source.priority > self.sources[best].priority {
                best = number;
            }
        }
        if best > 0 {
            self.sources[best].pending = false;
            self.sources[best].in_service = true;
        }
        best
    }
}

#[derive(Debug, Clone)]
enum Op {
    Level(usize, bool),
    Priority(usize, u64),
    Enable(usize, u64),
    Threshold(usize, u64),
    Claim(usize),
    Complete(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    // Few sources, so that they collide; two in the upper word.
    let source = || prop_oneof![1usize..6, 33usize..35];
    let hart = || 0..HARTS;
    prop_oneof![
        3 => (source(), any::<bool>()).prop_map(|(s, l)| Op::Level(s, l)),
        1 => (source(), 0u64..8).prop_map(|(s, p)| Op::Priority(s, p)),
        1 => (hart(), any::<u64>()).prop_map(|(h, e)| Op::Enable(h, e)),
        1 => (hart(), 0u64..8).prop_map(|(h, t)| Op::Threshold(h, t)),
        3 => hart().prop_map(Op::Claim),
        3 => (hart(), source()).prop_map(|(h, s)| Op::Complete(h, s)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_specification(ops in prop::collection::vec(op(), 1..200)) {
        let (plic, outputs) = plic();
        let lines: Vec<_> = (1..=PLIC_SOURCES).map(|source| plic.line(source)).collect();
        let mut model = Model { sources: vec![Source::default(); 64], threshold: [0; HARTS] };
        for op in ops {
            match op {
                Op::Level(source, level) => {
                    lines[source - 1].set(level);
                    model.sources[source].level = level;
                }
                Op::Priority(source, priority) => {
                    set_priority(&plic, source as u32, priority);
                    model.sources[source].priority = priority;
                }
                Op::Enable(hart, set) => {
                    enable(&plic, hart as u64, set);
                    for source in 1..64 {
                        model.sources[source].enabled[hart] = set >> source & 1 != 0;
                    }
                }
                Op::Threshold(hart, threshold) => {
                    set_threshold(&plic, hart as u64, threshold);
                    model.threshold[hart] = threshold;
                }
                Op::Claim(hart) => {
                    prop_assert_eq!(claim(&plic, hart as u64) as usize, model.claim(hart));
                }
                Op::Complete(hart, source) => {
                    complete(&plic, hart as u64, source as u32);
                    if model.sources[source].enabled[hart] {
                        model.sources[source].in_service = false;
                    }
                }
            }
            model.gateways();
            for hart in 0..HARTS {
                prop_assert_eq!(outputs.lock()[hart], model.output(hart));
            }
            let pending = plic.read(PENDING, 4) | plic.read(PENDING + 4, 4) << 32;
            for source in 1..64 {
                prop_assert_eq!(pending >> source & 1 != 0, model.sources[source].pending);
            }
        }
    }
}

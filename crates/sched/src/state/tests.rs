use super::*;
use proptest::prelude::*;

fn mib(pages: PageCount) -> f64 {
    pages.0 as f64 / 256.0
}

fn scale(gib: u64) -> f64 {
    mib(Thresholds::new(ByteSize::mib(gib << 10).pages(), 0).clear)
}

#[test]
fn min_free_follows_the_published_scale() {
    // The exact sum of the bands at 28 GiB is 901.1; 899 is what was published.
    for (gib, expected) in
        [(4, 245.8), (12, 573.4), (28, 899.0), (72, 1349.6), (144, 2086.8), (256, 3233.7), (1024, 11098.0)]
    {
        assert!((scale(gib) - expected).abs() < 0.1, "{gib} GiB: {}", scale(gib));
    }
    let small = Thresholds::new(ByteSize::mib(512).pages(), 0);
    assert!((mib(small.clear) - 30.72).abs() < 0.01);
    assert!((mib(small.high) - 38.4).abs() < 0.01);
    let fixed = Thresholds::new(ByteSize::mib(1000).pages(), 10);
    let pages = [fixed.clear, fixed.soft, fixed.hard, fixed.low].map(|threshold| threshold.0);
    assert_eq!(pages, [100, 64, 32, 16].map(|mib| mib * 256));
}

#[test]
fn states_fall_at_once_and_rise_a_margin_later() {
    use HostState::{Clear, Hard, High, Low, Soft};
    // min-free is 1000 pages.
    let thresholds = Thresholds::new(PageCount(10_000), 10);
    for (previous, free, expected) in [
        (High, 1000, High),
        (High, 999, Clear),
        (High, 639, Soft),
        (High, 100, Low),
        (Clear, 1124, Clear),
        (Clear, 1125, High),
        (Soft, 640, Soft),
        (Soft, 1124, Soft),
        (Soft, 1125, High),
        (Hard, 320, Hard),
        (Hard, 764, Hard),
        (Hard, 765, Soft),
        (Low, 444, Low),
        (Low, 445, Hard),
        (Low, 900, Soft),
        (Low, 2000, High),
    ] {
        assert_eq!(next_state(previous, PageCount(free), &thresholds), expected, "{previous} at {free}");
    }
}

#[test]
fn between_seconds_a_state_gets_no_better_but_for_low() {
    use HostState::{Clear, Hard, High, Low, Soft};
    let thresholds = Thresholds::new(PageCount(10_000), 10);
    for (previous, free, expected) in [
        (High, 2000, High),
        (High, 639, Soft),
        (Clear, 2000, Clear),
        (Soft, 2000, Soft),
        (Soft, 319, Hard),
        (Hard, 2000, Hard),
        (Hard, 159, Low),
        (Low, 444, Low),
        (Low, 445, Hard),
        (Low, 2000, Hard),
    ] {
        assert_eq!(between_seconds(previous, PageCount(free), &thresholds), expected, "{previous} at {free}");
    }
}

fn any_state() -> impl Strategy<Value = HostState> {
    use HostState::{Clear, Hard, High, Low, Soft};
    prop::sample::select(vec![High, Clear, Soft, Hard, Low])
}

proptest! {
    #[test]
    fn thresholds_are_ordered(memory in 64u64..1 << 32, percent in 0u64..=50) {
        let t = Thresholds::new(PageCount(memory), percent);
        prop_assert!(PageCount(0) < t.low && t.low < t.hard && t.hard < t.soft);
        prop_assert!(t.soft < t.clear && t.clear < t.high && t.margin > PageCount(0));
        prop_assert_eq!(next_state(HostState::Low, t.high, &t), HostState::High);
    }

    #[test]
    fn free_memory_within_the_margin_never_makes_two_states_alternate(
        start in any_state(),
        memory in 10_000u64..1 << 24,
        center in 0u64..200,
        wobble in prop::collection::vec(0u64..=12, 2..40),
    ) {
        let t = Thresholds::new(PageCount(memory), 0);
        let percent = |percent: u64| PageCount(t.clear.0 * percent / 100);
        let states: Vec<_> = wobble
            .iter()
            .scan(start, |state, step| {
                *state = next_state(*state, percent(center + step), &t);
                Some(*state)
            })
            .collect();
        // Settled after the first: it may still fall, but what was left is not entered again.
        let falls = states.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let rises = states.windows(2).filter(|pair| pair[1] < pair[0]).count();
        prop_assert!(falls == 0 || rises == 0 || falls + rises <= 2, "{states:?}");
    }

    #[test]
    fn more_free_memory_is_never_a_worse_state(
        previous in any_state(), free in 0u64..3000, more in 0u64..3000,
    ) {
        let t = Thresholds::new(PageCount(10_000), 10);
        let less = next_state(previous, PageCount(free), &t);
        prop_assert!(next_state(previous, PageCount(free + more), &t) <= less);
        prop_assert_eq!(next_state(less, PageCount(free), &t), less, "a state stands while free memory does");
    }
}

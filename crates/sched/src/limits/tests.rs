use super::*;
use addr::ByteSize;
use proptest::prelude::*;

fn mib(number: u64) -> PageCount {
    ByteSize::mib(number).pages()
}

#[test]
fn the_slack_above_a_limit_is_little() {
    let slack_of = |number: u64| slack(mib(number)).0;
    assert_eq!([slack_of(1), slack_of(32), slack_of(64), slack_of(4096)], [64, 128, 256, 256]);
}

#[test]
fn a_vm_comes_down_to_a_lower_limit_as_its_memory_is_taken() {
    let lowering = Lowering { rate: mib(16), balance_period: 15 };
    let next = |before, held, seconds| lowering.next(before, held, mib(100), Duration::from_secs(seconds));
    // However long ago it was last asked: nothing was above a limit then.
    assert_eq!(next(PageCount(u64::MAX), mib(200), 100), mib(201));
    assert_eq!(next(mib(201), mib(180), 1), mib(181), "its balloon gives faster");
    assert_eq!(next(mib(201), mib(201), 1), mib(185), "its balloon gives nothing");
    assert_eq!(next(mib(201), mib(201), 7), mib(100), "there is an end");
    assert_eq!(next(mib(150), mib(90), 0), mib(100));
    assert_eq!(next(mib(90), mib(90), 0), mib(100), "a higher limit counts at once");
    // A large one loses a part.
    let large = lowering.next(mib(100_000), mib(100_000), mib(40_000), Duration::from_secs(1));
    assert_eq!(large, mib(96_000));
}

proptest! {
    #[test]
    fn lowering_ends_in_time_and_never_rises(
        from in 1u64..1 << 24, most in 0u64..1 << 24, steps in prop::collection::vec((0u64..3000, 0u64..1 << 24), 100),
    ) {
        let lowering = Lowering { rate: mib(4), balance_period: 15 };
        let (mut before, mut elapsed) = (PageCount(from.max(most)), Duration::ZERO);
        for (milliseconds, held) in steps {
            let step = Duration::from_millis(milliseconds);
            elapsed += step;
            let next = lowering.next(before, PageCount(held), PageCount(most), step);
            prop_assert!(next <= before && next >= PageCount(most));
            before = next;
        }
        let floor = |seconds: f64| (from.max(most) - most) as f64 * (-seconds / 15.0).exp();
        if elapsed > Duration::from_mins(1) {
            prop_assert!((before.0 - most) as f64 <= floor(20.0), "{before:?} of {from} to {most} after {elapsed:?}");
        }
    }
}

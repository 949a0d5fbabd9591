use super::*;

/// A guest's driver, asked for `asked` pages in each tick, that gives `rate` a tick and claims `claim` more.
struct Guest {
    judge: Judge,
    tick: u64,
    given: u64,
    freed: u64,
    /// Pages that had content, of ten given.
    of_ten: u64,
}

impl Guest {
    fn new() -> Self {
        Self { judge: Judge::default(), tick: 0, given: 0, freed: 0, of_ten: 10 }
    }

    /// Runs for `seconds`, asked to grow by `more` beyond what it has, as the plan would ask.
    fn run(&mut self, seconds: u64, asked: u64, rate: u64, claim: u64) -> Conduct {
        for _ in 0..seconds {
            self.tick += 1;
            self.judge = self.judge.observe(Observation {
                tick: self.tick,
                asked: PageCount(asked),
                reported: Some(PageCount(self.given + claim)),
                given: PageCount(self.given),
                freed: PageCount(self.freed),
            });
            let more = rate.min(asked.saturating_sub(self.given));
            self.given += more;
            self.freed += more * self.of_ten / 10;
        }
        self.judge.conduct()
    }
}

#[test]
fn a_driver_that_gives_is_working_and_its_rate_is_known() {
    let mut guest = Guest::new();
    assert_eq!(guest.judge.conduct(), Conduct::Absent);
    assert_eq!(guest.run(1, 0, 0, 0), Conduct::Untried);
    assert_eq!(guest.run(30, 1 << 20, 8000, 0), Conduct::Working);
    assert!((7000..=8000).contains(&guest.judge.rate().0), "{:?}", guest.judge.rate());
    // Asked for nothing more, it stays what it is for as long as it likes.
    let given = guest.given;
    assert_eq!(guest.run(1000, given, 0, 0), Conduct::Working);
}

/// However little is asked for, and however quickly it comes.
#[test]
fn a_driver_that_gave_anything_is_not_untried() {
    let seen = |tick, asked, given| Observation {
        tick,
        asked: PageCount(asked),
        reported: Some(PageCount(given)),
        given: PageCount(given),
        freed: PageCount(given),
    };
    let conduct =
        |all: &[Observation]| all.iter().fold(Judge::default(), |judge, &seen| judge.observe(seen)).conduct();
    // All of it between two looks.
    assert_eq!(conduct(&[seen(1, 0, 0), seen(2, 9000, 9000)]), Conduct::Working);
    // Less than a message of the device, again and again.
    let steps: Vec<_> = (0..20).map(|step| seen(1 + step, 100 * step, 100 * step)).collect();
    assert_eq!(conduct(&steps), Conduct::Working);
    // Before it was looked at for the first time.
    assert_eq!(conduct(&[seen(1, 500, 500)]), Conduct::Working);
    assert_eq!(conduct(&[seen(1, 0, 0), seen(2, 9000, 0), seen(3, 9000, 0)]), Conduct::Untried);
}

#[test]
fn a_slow_driver_is_slow_and_still_asked() {
    let mut guest = Guest::new();
    assert_eq!(guest.run(60, 1 << 20, 100, 0), Conduct::Slow);
    assert!((50..=150).contains(&guest.judge.rate().0), "{:?}", guest.judge.rate());
    assert_eq!(Conduct::Slow.gives_within(PageCount(1), 1), PROBE);
    assert_eq!(guest.run(30, 1 << 20, 8000, 0), Conduct::Working);
}

#[test]
fn a_driver_that_gives_nothing_is_stuck_and_one_that_pretends_is_lying() {
    let mut guest = Guest::new();
    assert_eq!(guest.run(8, 5000, 0, 0), Conduct::Untried, "it gets some time");
    assert_eq!(guest.run(4, 5000, 0, 0), Conduct::Stuck);
    let mut liar = Guest::new();
    liar.run(5, 100_000, 2000, 0);
    assert_eq!(liar.run(5, 100_000, 2000, 5000), Conduct::Lying);
    assert_eq!(Conduct::Lying.gives_within(PageCount(9999), 15), PageCount(0));
}

#[test]
fn each_failure_doubles_the_wait_up_to_an_hour() {
    let mut guest = Guest::new();
    let mut waits = Vec::new();
    while waits.len() < 9 {
        let asked = guest.given + PROBE.0;
        guest.run(1, asked, 0, 0);
        if let Some(again) = guest.judge.asked_again() {
            waits.push(again - guest.tick);
            // Nothing it does meanwhile helps: it is asked for nothing.
            let before = guest.judge.conduct();
            assert_eq!(guest.run(again - guest.tick - 1, guest.given, 0, 0), before);
            assert_eq!(guest.run(1, guest.given, 0, 0), Conduct::Probation);
        }
    }
    assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
}

#[test]
fn a_driver_that_passes_probation_works_again_and_its_record_stays() {
    let mut guest = Guest::new();
    guest.run(12, 5000, 0, 0);
    guest.run(60, guest.given, 0, 0);
    assert_eq!(guest.judge.conduct(), Conduct::Probation);
    let asked = guest.given + PROBE.0;
    assert_eq!(guest.run(3, asked, 5000, 0), Conduct::Working);
    // Failing again costs more, also after the driver was loaded anew.
    let gone = Observation {
        tick: 80,
        asked: PageCount(0),
        reported: None,
        given: PageCount(0),
        freed: PageCount(0),
    };
    guest.judge = guest.judge.observe(gone);
    guest.tick = 80;
    assert_eq!(guest.judge.conduct(), Conduct::Absent);
    assert_eq!(guest.run(1, 0, 0, 0), Conduct::Probation);
    let asked = guest.given + PROBE.0;
    assert_eq!(guest.run(12, asked, 0, 0), Conduct::Stuck);
    assert_eq!(guest.judge.asked_again().map(|again| again - guest.judge.failed), Some(120));
    // Loading the driver anew is no way out of the wait.
    guest.judge = guest.judge.observe(Observation { tick: guest.tick + 1, reported: None, ..gone });
    guest.tick += 1;
    assert_eq!(guest.run(1, 0, 0, 0), Conduct::Stuck);
}

#[test]
fn a_long_good_record_shortens_the_wait() {
    let mut judge = Judge { wait: 1920, failed: 100, ..Judge::default() };
    judge.fail(Conduct::Stuck, 200);
    assert_eq!(judge.wait, 3600);
    judge.fail(Conduct::Stuck, 200 + 3 * FORGIVEN_AFTER);
    assert_eq!(judge.wait, 900);
}

#[test]
fn observations_out_of_order_are_ignored() {
    let mut guest = Guest::new();
    guest.run(20, 1 << 20, 3000, 0);
    let seen = Observation {
        tick: 3,
        asked: PageCount(0),
        reported: Some(PageCount(1 << 30)),
        given: PageCount(0),
        freed: PageCount(0),
    };
    assert_eq!(guest.judge.observe(seen), guest.judge);
}

#[test]
fn what_a_driver_gives_counts_by_what_came_free_with_it() {
    let mut guest = Guest::new();
    guest.of_ten = 0;
    assert_eq!(guest.judge.yields(), None);
    guest.run(2, 0, 0, 0);
    assert_eq!(guest.judge.yields(), None, "nothing was given");
    assert_eq!(guest.run(20, 40_000, 4000, 0), Conduct::Working, "it does as it is asked");
    assert_eq!(guest.judge.yields(), Some(0.0));
    guest.of_ten = 8;
    guest.run(20, 80_000, 4000, 0);
    assert!(guest.judge.yields().is_some_and(|part| (0.75..=0.8).contains(&part)), "{:?}", guest.judge);
    // Nothing that it takes back changes that.
    let before = guest.judge.yields();
    (guest.given, guest.freed) = (0, 0);
    guest.run(5, 0, 0, 0);
    assert_eq!(guest.judge.yields(), before);
}

//! Decoded code: what is written is run after `fence.i`, wherever it stands and whatever moves.

use crate::asm::*;
use crate::machine::*;
use riscv::Exit;

/// `jalr` back from a subroutine.
const RETURN: u32 = jalr(0, 1);

#[test]
fn new_code_runs_after_a_fence() {
    let mut machine = Machine::new();
    let routine = CODE + 0x5000;
    // Calls the routine, overwrites its first instruction, fences, calls it again.
    machine.put(routine, &[addi(7, 7, 1), RETURN]);
    let code = [jalr(1, 5), store(2, 6, 5, 0), FENCE_I, jalr(1, 5), ECALL];
    let registers = [(5, routine), (6, u64::from(addi(7, 7, 10))), (7, 0)];
    assert_eq!(machine.run(BARE, &registers, &code), Exit::Call);
    assert_eq!(machine.hart.x(7), 11);
}

#[test]
fn new_code_in_the_page_that_runs_is_run_after_a_fence() {
    let mut machine = Machine::new();
    let code = [addi(7, 7, 1), bne(8, 0, 20), addi(8, 0, 1), store(2, 6, 5, 0), FENCE_I, jal(0, -20), ECALL];
    let registers = [(5, CODE), (6, u64::from(addi(7, 7, 10))), (7, 0), (8, 0)];
    assert_eq!(machine.run(BARE, &registers, &code), Exit::Call);
    assert_eq!(machine.hart.x(7), 11);
}

#[test]
fn another_hart_fences_for_this_one() {
    let mut machine = Machine::new();
    for value in 1..4 {
        machine.put(CODE, &[addi(7, 0, value), ECALL]);
        machine.hart.fence_i();
        machine.start(BARE, CODE);
        machine.go();
        assert_eq!(machine.hart.x(7), value as u64);
    }
}

#[test]
fn code_of_more_pages_than_are_kept_runs_right() {
    const PAGES: u64 = 1100;
    let mut machine = Machine::new();
    let first = RAM + 0x40_0000;
    // Every page adds its number and jumps to the next; the last one is a call.
    for page in 0..PAGES {
        let at = first + page * 0x1000;
        machine.put(at, &[addi(7, 7, page as i32 % 1000), jal(0, 0x1000 - 4)]);
    }
    machine.put(first + PAGES * 0x1000, &[ECALL]);
    let expected: u64 = (0..PAGES).map(|page| page % 1000).sum();
    for round in 1..4 {
        machine.start(BARE, first);
        machine.set(&[(7, 0)]);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(7), expected, "round {round}");
        // What made room and came back is what is in memory now.
        assert!(machine.hart.code_bytes() < 64 << 20, "{} bytes", machine.hart.code_bytes());
    }
}

#[test]
fn code_that_is_not_used_is_forgotten_and_decoded_anew() {
    const PAGES: u64 = 100;
    const LATER: u64 = 90;
    let mut machine = Machine::new();
    let at = |page: u64| RAM + 0x40_0000 + page * 0x1000;
    for page in 0..PAGES {
        machine.put(at(page), &[addi(7, 7, 1), jal(0, 0x1000 - 4)]);
    }
    machine.put(at(PAGES), &[ECALL]);
    let run_from = |machine: &mut Machine, page| {
        machine.start(BARE, at(page));
        machine.set(&[(7, 0)]);
        assert_eq!(machine.go(), Exit::Call);
        machine.hart.x(7)
    };
    // There is a line for instructions that stand alone; each page here is of one line, and a table that takes a few percent.
    let line = machine.hart.code_bytes();
    let kept = |machine: &Machine| (machine.hart.code_bytes() - line) * 15 / 16 / line;
    // A slice finds a few spare pages only.
    for _ in 0..PAGES {
        assert_eq!(run_from(&mut machine, 0), PAGES);
    }
    machine.hart.forget_unused();
    assert!((PAGES - 4..PAGES + 4).contains(&kept(&machine)), "{}", kept(&machine));

    // What was used since is kept, what was not goes.
    assert_eq!(run_from(&mut machine, LATER), PAGES - LATER);
    machine.hart.forget_unused();
    let used = PAGES - LATER + 1;
    assert!((used - 1..used + 3).contains(&kept(&machine)), "{}", kept(&machine));
    machine.put(at(LATER - 1), &[addi(7, 7, 9)]);
    assert_eq!(run_from(&mut machine, LATER), PAGES - LATER);
    assert_eq!(run_from(&mut machine, 0), PAGES + 8);

    machine.hart.forget_unused();
    machine.hart.forget_unused();
    assert_eq!(kept(&machine), 0);
    assert_eq!(run_from(&mut machine, 0), PAGES + 8);
}

#[test]
fn instructions_at_a_page_end_run_in_every_way_to_get_there() {
    let end = CODE + 0x1000;
    let mut machine = Machine::new();
    machine.put(end - 4, &[addi(7, 7, 1), ECALL]);
    machine.start(BARE, end - 4);
    machine.set(&[(7, 0)]);
    assert_eq!(machine.go(), Exit::Call);
    assert_eq!(machine.hart.x(7), 1);

    // Twice `c.addi x7, 1`.
    let mut machine = Machine::new();
    machine.put_half(end - 4, 0x0385);
    machine.put_half(end - 2, 0x0385);
    machine.put(end, &[ECALL]);
    machine.start(BARE, end - 4);
    machine.set(&[(7, 0)]);
    assert_eq!(machine.go(), Exit::Call);
    assert_eq!(machine.hart.x(7), 2);

    // A branch taken, a branch not taken, a jump and an auipc in the last place, straddling and not.
    for at in [end - 4, end - 2] {
        for (word, expected) in [
            (bne(5, 0, 16), end + 16 - (end - at)),
            (bne(0, 0, 16), at + 4),
            (jal(1, 64), at + 64),
            (bne(5, 0, -256), at - 256),
            (jalr(1, 5), DATA),
        ] {
            let mut machine = Machine::new();
            machine.put(at, &[word]);
            machine.put(DATA, &[WFI]);
            for target in [at + 4, at + 16, at + 64, at - 256] {
                machine.put(target, &[WFI]);
            }
            machine.start(BARE, at);
            machine.set(&[(5, DATA), (1, 0)]);
            assert_eq!(machine.go(), Exit::Wait);
            assert_eq!(machine.hart.registers().pc, expected + 4, "{word:#010x} at {at:#x}");
            let links = matches!(word & 0x7f, 0x67 | 0x6f);
            assert_eq!(machine.hart.x(1), if links { at + 4 } else { 0 });
        }
        let mut machine = Machine::new();
        machine.put(at, &[0x0000_1397, ECALL]);
        machine.start(BARE, at);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(7), at + 0x1000, "auipc at {at:#x}");
    }
}

#[test]
fn a_straddling_instruction_is_what_both_pages_say_now() {
    for technique in TECHNIQUES {
        let mut machine = Machine::new();
        let [one, two] = [addi(7, 0, 0x111), addi(7, 0, 0x222)];
        assert_eq!(one as u16, two as u16);
        machine.map(0, CODE, ALL);
        machine.put_half(CODE + 0xffe, one as u16);
        for (page, word) in [(CODE + 0x1000, one), (CODE + 0x2000, two)] {
            machine.put_half(page, (word >> 16) as u16);
            machine.put(page + 2, &[ECALL]);
        }
        // By the tables, after the fence in the prelude.
        for (page, expected) in [(CODE + 0x1000, 0x111), (CODE + 0x2000, 0x222), (CODE + 0x1000, 0x111)] {
            machine.map(1, page, ALL);
            machine.start(Start { paging: Some(technique), ..BARE }, VIRTUAL + 0xffe);
            assert_eq!(machine.go(), Exit::Call);
            assert_eq!(machine.hart.x(7), expected);
            machine.move_page(page);
            machine.move_page(CODE);
        }
        // By a store, after a fence.i.
        machine.put_half(CODE + 0x1000, (two >> 16) as u16);
        machine.start(Start { paging: Some(technique), ..BARE }, VIRTUAL + 0xffe);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(7), 0x222);
    }
}

/// Bytes of code that are decoded together: what is behind them is in the next line.
const LINE_BYTES: u64 = 256;

#[test]
fn straight_code_goes_on_over_lines_and_pages() {
    const C_ADDI: u16 = 0x0385;
    let mut machine = Machine::new();
    // Additions of one, short and long by a pattern, over two pages; every alignment at every line's end.
    for (pattern, first) in (1..8u32).flat_map(|pattern| [(pattern, 0), (pattern, 2)]) {
        let (mut at, mut count) = (CODE + first, 0u64);
        while at < CODE + 0x1ff0 {
            if pattern >> (count % 3) & 1 == 0 {
                machine.put_half(at, C_ADDI);
                at += 2;
            } else {
                machine.put(at, &[addi(7, 7, 1)]);
                at += 4;
            }
            count += 1;
        }
        machine.put(at, &[ECALL]);
        for slice in [1000, 7] {
            machine.start(BARE, CODE + first);
            machine.set(&[(7, 0)]);
            let before = machine.hart.counts().instructions;
            assert_eq!(machine.go_in_slices(slice), Exit::Call);
            assert_eq!(machine.hart.x(7), count, "{pattern:03b} from {first}");
            assert_eq!(machine.hart.counts().instructions - before, count + 2, "sret, and the call");
        }
    }
}

#[test]
fn branches_lead_to_any_place_in_their_page_and_around_it() {
    let mut machine = Machine::new();
    let page = CODE + 0x1000;
    let places: Vec<u64> = (0..0x1000).step_by(LINE_BYTES as usize / 4).map(|offset| page + offset).collect();
    let near = [page - 0x200, page + 0x1000, page + 0x1100];
    for &from in places.iter().filter(|&&at| at + 4 <= page + 0x1000) {
        for &to in
            places.iter().chain(&near).filter(|to| to.abs_diff(from) >= 8 && to.abs_diff(from) < 0x1000)
        {
            let distance = to.wrapping_sub(from) as i32;
            machine.put(to, &[WFI]);
            for word in [bne(5, 0, distance), jal(1, distance)] {
                machine.put(from, &[word]);
                // Twice: when it is decoded, and when it is there.
                for _ in 0..2 {
                    machine.start(BARE, from);
                    machine.set(&[(5, 1), (1, 0)]);
                    assert_eq!(machine.go(), Exit::Wait);
                    assert_eq!(machine.hart.registers().pc, to + 4, "{word:#x} from {from:#x} to {to:#x}");
                    assert_eq!(machine.hart.x(1), if word & 0x7f == 0x6f { from + 4 } else { 0 });
                }
            }
        }
    }
}

#[test]
fn a_hart_that_may_keep_little_runs_right_and_stays_within_it() {
    const PAGES: u64 = 400;
    let mut machine = Machine::new();
    let first = RAM + 0x40_0000;
    for page in 0..PAGES {
        let at = first + page * 0x1000;
        // From line to line, then to the next page.
        machine.put(at, &[addi(7, 7, 1), jal(0, 0x400 - 4)]);
        machine.put(at + 0x400, &[addi(7, 7, 1), jal(0, 0x400 - 4)]);
        machine.put(at + 0x800, &[addi(7, 7, 1), jal(0, 0x800 - 4)]);
    }
    machine.put(first + PAGES * 0x1000, &[ECALL]);
    let round = |machine: &mut Machine| {
        machine.start(BARE, first);
        machine.set(&[(7, 0)]);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(7), PAGES * 3);
        machine.hart.code_bytes()
    };
    for _ in 0..40 {
        round(&mut machine);
    }
    let full = round(&mut machine);
    assert!(full > 1 << 20, "{full}");
    machine.hart.limit_caches(400 << 10, 0);
    for _ in 0..3 {
        assert!(machine.hart.code_bytes() < 450 << 10, "{}", machine.hart.code_bytes());
        round(&mut machine);
    }
    machine.hart.limit_caches(u64::MAX, u64::MAX);
    for _ in 0..40 {
        round(&mut machine);
    }
    assert!(round(&mut machine) > 1 << 20);
}

#[test]
fn a_slice_ends_in_loops_soon_after_its_count() {
    let mut machine = Machine::new();
    // A loop within a line, one over two pages, one through a register.
    machine.put(CODE, &[addi(7, 7, 1), jal(0, -4)]);
    machine.put(CODE + 0x1ffc, &[addi(7, 7, 1), jal(0, -4)]);
    machine.put(CODE + 0x3000, &[addi(7, 7, 1), jalr(0, 5)]);
    // One over two lines of decoded code.
    machine.put(CODE + LINE_BYTES - 4, &[addi(7, 7, 1), jal(0, -4)]);
    for at in [CODE, CODE + 0x1ffc, CODE + 0x3000, CODE + LINE_BYTES - 4] {
        for slice in [1, 10, 101, 5000] {
            machine.start(BARE, at);
            machine.set(&[(5, at), (7, 0)]);
            let ran = machine.run_slices_of(slice);
            assert!((slice..slice + 4).contains(&ran), "{ran} instructions in a slice of {slice}");
            assert_eq!(machine.hart.x(7), ran / 2, "one sret, then two a round");
        }
    }
}

#[test]
fn a_handler_that_faults_itself_uses_slices_up() {
    let mut machine = Machine::new();
    machine.run(BARE, &[(5, NOBODY)], &[csrrw(0, STVEC, 5), ECALL]);
    machine.put(CODE, &[csrrw(0, STVEC, 5), EBREAK]);
    machine.start(BARE, CODE);
    machine.set(&[(5, NOBODY)]);
    for _ in 0..10 {
        assert_eq!(machine.hart.run(100), Exit::Slice);
    }
    assert_eq!(machine.trapped(), [1, NOBODY, NOBODY]);
}

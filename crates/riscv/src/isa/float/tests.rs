//! Special cases from the manual, and agreement with an independent implementation.
//!
//! `rustc_apfloat` is the judge of value and flags, with two exceptions. It calls a result tiny only
//! if it is subnormal as delivered, RISC-V also if it would be with an unbounded exponent: so it
//! says nothing on underflow where the smallest normal number was delivered. And it says nothing on
//! overflow where the largest finite number was.

use super::arithmetic::{add_exactly, div_exactly, fma_exactly, mul_exactly, sqrt_exactly};
use super::*;
use proptest::prelude::*;
use rustc_apfloat::{Float, FloatConvert, Round, Status, StatusAnd, ieee};

const MODES: [(Rounding, Round); 5] = [
    (Rounding::Rne, Round::NearestTiesToEven),
    (Rounding::Rtz, Round::TowardZero),
    (Rounding::Rdn, Round::TowardNegative),
    (Rounding::Rup, Round::TowardPositive),
    (Rounding::Rmm, Round::NearestTiesToAway),
];
/// With the number of bits, and whether they are signed.
const INTEGERS: [(Integer, usize, bool); 4] = [
    (Integer::I32, 32, true),
    (Integer::U32, 32, false),
    (Integer::I64, 64, true),
    (Integer::U64, 64, false),
];
const NONE: Flags = Flags(0);

const ONE: u64 = 1f64.to_bits();
const INF: u64 = f64::INFINITY.to_bits();
const NEG: u64 = <u64 as Format>::SIGN;
const QNAN: u64 = <u64 as Format>::CANONICAL_NAN;
const SNAN: u64 = INF | 1;
const MIN_NORMAL: u64 = f64::MIN_POSITIVE.to_bits();
const MAX: u64 = f64::MAX.to_bits();

/// Patterns where the interesting ones are frequent.
fn pattern<F: Format + std::fmt::Debug>() -> impl Strategy<Value = F> {
    let fraction = (1u64 << F::FRACTION_BITS) - 1;
    let middle = 1u64 << (F::EXPONENT_BITS - 1);
    let magnitude = prop_oneof![
        1 => Just(0u64),
        1 => Just(F::INFINITY),
        1 => (1..=fraction).prop_map(|nan| F::INFINITY | nan),
        2 => 0..=fraction,
        2 => 0..4u64,
        2 => any::<u64>(),
        // Near powers of two and near the ends of the range of exponents.
        3 => (0..1u64 << F::EXPONENT_BITS, 0..8u64)
            .prop_map(|(e, d)| (e << F::FRACTION_BITS).wrapping_add(d).wrapping_sub(4)),
        3 => (0..4u64, any::<u64>()).prop_map(move |(e, f)| e << F::FRACTION_BITS | f & fraction),
        1 => (0..4u64, any::<u64>()).prop_map(move |(e, f)| F::INFINITY - (e << F::FRACTION_BITS) - (f & 15)),
        // Exponents close to each other, for cancellation and for halfway cases.
        4 => (0..70u64, any::<u64>(), 0..64u32)
            .prop_map(move |(e, f, s)| (middle - 35 + e) << F::FRACTION_BITS | (f & fraction) >> s << s & fraction),
    ];
    (magnitude, any::<bool>()).prop_map(|(magnitude, negative)| {
        F::narrow(magnitude & (F::SIGN - 1) | if negative { F::SIGN } else { 0 })
    })
}

/// What the judge says: the bits in our NaN convention, the flags.
fn verdict<T: Float>(value: T, status: Status, canonical_nan: u64) -> (u64, Flags) {
    let mut flags = Flags::default();
    for (theirs, ours) in [
        (Status::INEXACT, Flags::NX),
        (Status::UNDERFLOW, Flags::UF),
        (Status::OVERFLOW, Flags::OF),
        (Status::DIV_BY_ZERO, Flags::DZ),
        (Status::INVALID_OP, Flags::NV),
    ] {
        if status.contains(theirs) {
            flags.raise(ours);
        }
    }
    (if value.is_nan() { canonical_nan } else { value.to_bits() as u64 }, flags)
}

/// Compares an operation, from no flags and from `NX` raised, with what the judge says of it.
fn check<F: Format>(
    what: &str,
    (value, mut expected): (u64, Flags),
    operation: impl Fn(&mut Flags) -> F,
) -> Result<(), TestCaseError> {
    let mut flags = NONE;
    let result = operation(&mut flags).widen();
    let outside_judgement = match result & !F::SIGN {
        magnitude if magnitude == 1 << F::FRACTION_BITS => Flags::UF,
        magnitude if magnitude == F::INFINITY - 1 => Flags::OF,
        _ => NONE,
    };
    expected.raise(Flags(outside_judgement.0 & flags.0));
    prop_assert_eq!((result, flags), (value, expected), "{}", what);

    let mut flags = Flags::NX;
    let result = operation(&mut flags).widen();
    expected.raise(Flags::NX);
    prop_assert_eq!((result, flags), (value, expected), "{} with NX raised", what);
    Ok(())
}

/// A format and the judge's type for it.
trait Judged: Format + std::fmt::Debug {
    type Judge: Float + FloatConvert<<Self::Other as Judged>::Judge>;
    type Other: Judged;

    fn judge(self) -> Self::Judge {
        Self::Judge::from_bits(self.widen().into())
    }

    /// What the judge says of an operation on `operands` that gives this format. It keeps quiet
    /// about signaling NaNs.
    fn verdict(operands: &[Self], said: StatusAnd<Self::Judge>) -> (u64, Flags) {
        let (value, mut flags) = verdict(said.value, said.status, Self::CANONICAL_NAN);
        if operands.iter().any(|operand| operand.judge().is_signaling()) {
            flags.raise(Flags::NV);
        }
        (value, flags)
    }
}

impl Judged for u32 {
    type Judge = ieee::Single;
    type Other = u64;
}

impl Judged for u64 {
    type Judge = ieee::Double;
    type Other = u32;
}

fn check_arithmetic<F: Judged>(a: F, b: F, c: F) -> Result<(), TestCaseError> {
    let (x, y, z) = (a.judge(), b.judge(), c.judge());
    let invalid_product = (x.is_infinite() && y.is_zero()) || (x.is_zero() && y.is_infinite());
    for (rm, round) in MODES {
        check("add", F::verdict(&[a, b], x.add_r(y, round)), |f| add(a, b, rm, f))?;
        check("sub", F::verdict(&[a, b], x.sub_r(y, round)), |f| sub(a, b, rm, f))?;
        check("mul", F::verdict(&[a, b], x.mul_r(y, round)), |f| mul(a, b, rm, f))?;
        check("div", F::verdict(&[a, b], x.div_r(y, round)), |f| div(a, b, rm, f))?;
        let fused = |x: F::Judge, z: F::Judge| {
            let mut verdict = F::verdict(&[a, b, c], x.mul_add_r(y, z, round));
            if invalid_product {
                verdict.1.raise(Flags::NV);
            }
            verdict
        };
        check("fmadd", fused(x, z), |f| fmadd(a, b, c, rm, f))?;
        check("fmsub", fused(x, -z), |f| fmsub(a, b, c, rm, f))?;
        check("fnmsub", fused(-x, z), |f| fnmsub(a, b, c, rm, f))?;
        check("fnmadd", fused(-x, -z), |f| fnmadd(a, b, c, rm, f))?;
    }
    Ok(())
}

fn check_host<F: Judged>(a: F, b: F, c: F) -> Result<(), TestCaseError> {
    let (mut f, mut g) = (Flags::NX, Flags::NX);
    let rm = Rounding::Rne;
    prop_assert_eq!(add(a, b, rm, &mut f), add_exactly(a, b, rm, &mut g));
    prop_assert_eq!(mul(a, b, rm, &mut f), mul_exactly(a, b, rm, &mut g));
    prop_assert_eq!(div(a, b, rm, &mut f), div_exactly(a, b, rm, &mut g));
    prop_assert_eq!(sqrt(a, rm, &mut f), sqrt_exactly(a, rm, &mut g));
    prop_assert_eq!(fmadd(a, b, c, rm, &mut f), fma_exactly(a, b, c, rm, &mut g));
    prop_assert_eq!(f, g);
    Ok(())
}

/// The judge has no square root, but knows on which side of `a` a square lies.
fn check_sqrt<F: Judged>(a: F) -> Result<(), TestCaseError> {
    let mut flags = NONE;
    let [nearest, truncated, down, up, away] = MODES.map(|(rm, _)| sqrt(a, rm, &mut flags));
    if !a.judge().is_finite_non_zero() || a.judge().is_negative() {
        return Ok(());
    }
    let residual = |root: F| {
        // Scaled to near one, where no residual underflows.
        let half = -a.judge().ilogb() / 2;
        let (root, a) = (root.judge().scalbn(half), a.judge().scalbn(2 * half));
        root.mul_add_r(root, -a, Round::NearestTiesToEven).value
    };
    prop_assert!(residual(down) <= F::Judge::ZERO && residual(up) >= F::Judge::ZERO);
    prop_assert_eq!(residual(down).is_zero(), !flags.contains(Flags::NX));
    prop_assert_eq!(up.widen() - down.widen(), u64::from(flags.bits()));
    prop_assert_eq!(truncated, down);
    // A root is never halfway between two numbers.
    prop_assert_eq!(nearest, away);
    prop_assert_eq!(Some(nearest), F::plainly_normal(F::host_sqrt(a.host())));
    Ok(())
}

fn check_conversions<F: Judged>(a: F, register: u64) -> Result<(), TestCaseError> {
    for (rm, round) in MODES {
        let said: StatusAnd<<F::Other as Judged>::Judge> = a.judge().convert_r(round, &mut false);
        // The judge calls it invalid to lose the payload of a quiet NaN.
        let status = if a.judge().is_nan() { Status::OK } else { said.status };
        let mut expected = verdict(said.value, status, F::Other::CANONICAL_NAN);
        if a.judge().is_signaling() {
            expected.1.raise(Flags::NV);
        }
        check("convert", expected, |f| convert::<F, F::Other>(a, rm, f))?;

        for (kind, bits, signed) in INTEGERS {
            let input = match (bits, signed) {
                (32, true) => register as i32 as i128,
                (32, false) => register as u32 as i128,
                (_, true) => register as i64 as i128,
                (_, false) => register as i128,
            };
            let expected = F::verdict(&[], F::Judge::from_i128_r(input, round));
            check("from_integer", expected, |f| from_integer::<F>(register, kind, rm, f))?;

            let (value, status) = if signed {
                let said = a.judge().to_i128_r(bits, round, &mut false);
                (said.value as u64, said.status)
            } else {
                let said = a.judge().to_u128_r(bits, round, &mut false);
                (said.value as u64, said.status)
            };
            // The judge gives zero for a NaN.
            let value = if a.judge().is_nan() { u64::MAX >> (64 - bits) >> u32::from(signed) } else { value };
            let value = if bits == 32 { value as i32 as u64 } else { value };
            let mut flags = NONE;
            prop_assert_eq!(to_integer(a, kind, rm, &mut flags), value, "{:?} {:?}", kind, rm);
            prop_assert_eq!(flags.contains(Flags::NV), status.contains(Status::INVALID_OP));
            prop_assert_eq!(flags.contains(Flags::NX), status.contains(Status::INEXACT));
        }
    }
    Ok(())
}

fn check_comparisons<F: Judged>(a: F, b: F) -> Result<(), TestCaseError> {
    let (x, y) = (a.judge(), b.judge());
    let mut flags = NONE;
    prop_assert_eq!(eq(a, b, &mut flags), x == y);
    prop_assert_eq!(flags.contains(Flags::NV), x.is_signaling() || y.is_signaling());
    let mut flags = NONE;
    prop_assert_eq!(lt(a, b, &mut flags), x < y);
    prop_assert_eq!(flags.contains(Flags::NV), x.is_nan() || y.is_nan());
    let mut flags = NONE;
    prop_assert_eq!(le(a, b, &mut flags), x <= y);
    prop_assert_eq!(flags.contains(Flags::NV), x.is_nan() || y.is_nan());
    if x < y {
        prop_assert_eq!((min(a, b, &mut flags), max(a, b, &mut flags)), (a, b));
        prop_assert_eq!((min(b, a, &mut flags), max(b, a, &mut flags)), (a, b));
    }
    Ok(())
}

macro_rules! against_the_judge {
    ($format:ty, $module:ident) => {
        mod $module {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(8_000))]

                #[test]
                fn arithmetic(a in pattern::<$format>(), b in pattern::<$format>(), c in pattern::<$format>()) {
                    check_arithmetic(a, b, c)?;
                }

                #[test]
                fn host(a in pattern::<$format>(), b in pattern::<$format>(), c in pattern::<$format>()) {
                    check_host(a, b, c)?;
                }

                #[test]
                fn square_root(a in pattern::<$format>()) {
                    check_sqrt(a)?;
                }

                #[test]
                fn conversions(a in pattern::<$format>(), register in any::<i64>(), shift in 0..64u32) {
                    check_conversions(a, (register >> shift) as u64)?;
                }

                #[test]
                fn comparisons(a in pattern::<$format>(), b in pattern::<$format>()) {
                    check_comparisons(a, b)?;
                }
            }
        }
    };
}

against_the_judge!(u32, single);
against_the_judge!(u64, double);

#[track_caller]
fn raises<T: Copy + PartialEq + std::fmt::Debug>(
    operation: impl FnOnce(&mut Flags) -> T,
    value: T,
    expected: Flags,
) {
    let mut flags = NONE;
    assert_eq!(operation(&mut flags), value);
    assert_eq!(flags, expected);
}

#[test]
fn rounding_fields_decode() {
    let modes: Vec<_> = (0..8).map(Rounding::from_field).collect();
    let expected: Vec<_> = MODES.iter().map(|&(rm, _)| Some(rm)).chain([None; 3]).collect();
    assert_eq!(modes, expected);
}

#[test]
fn singles_are_boxed() {
    assert_eq!(unbox32(box32(0x1234_5678)), 0x1234_5678);
    assert_eq!(unbox32(0xffff_fffe_0000_0000), 0x7fc0_0000);
    assert_eq!(unbox32(ONE), 0x7fc0_0000);
}

#[test]
fn invalid_operations_give_the_canonical_nan() {
    let rm = Rounding::Rne;
    raises(|f| add(INF, INF | NEG, rm, f), QNAN, Flags::NV);
    raises(|f| sub(INF, INF, rm, f), QNAN, Flags::NV);
    raises(|f| mul(INF, NEG, rm, f), QNAN, Flags::NV);
    raises(|f| div(0, NEG, rm, f), QNAN, Flags::NV);
    raises(|f| div(INF, INF, rm, f), QNAN, Flags::NV);
    raises(|f| sqrt(ONE | NEG, rm, f), QNAN, Flags::NV);
    raises(|f| sqrt(INF | NEG, rm, f), QNAN, Flags::NV);
    raises(|f| fmadd(INF, 0, QNAN, rm, f), QNAN, Flags::NV);
    raises(|f| fmadd(INF, ONE, INF | NEG, rm, f), QNAN, Flags::NV);
    raises(|f| fmadd(QNAN, INF, 0, rm, f), QNAN, NONE);
    raises(|f| add(SNAN, ONE, rm, f), QNAN, Flags::NV);
    raises(|f| add(QNAN | NEG | 5, ONE, rm, f), QNAN, NONE);
    raises(|f| convert::<u64, u32>(SNAN, rm, f), 0x7fc0_0000, Flags::NV);
}

#[test]
fn division_by_zero_is_signalled_for_finite_dividends_only() {
    let rm = Rounding::Rne;
    raises(|f| div(ONE, NEG, rm, f), INF | NEG, Flags::DZ);
    raises(|f| div(INF, 0, rm, f), INF, NONE);
}

#[test]
fn zeros_have_the_sign_the_standard_says() {
    for (rm, _) in MODES {
        let cancelled = if rm == Rounding::Rdn { NEG } else { 0 };
        raises(|f| sub(ONE, ONE, rm, f), cancelled, NONE);
        raises(|f| add(0, NEG, rm, f), cancelled, NONE);
        raises(|f| fmadd(ONE, ONE, ONE | NEG, rm, f), cancelled, NONE);
        raises(|f| fmadd(0, ONE, NEG, rm, f), cancelled, NONE);
        raises(|f| add(NEG, NEG, rm, f), NEG, NONE);
        raises(|f| sqrt(NEG, rm, f), NEG, NONE);
        raises(|f| fnmadd(0, ONE, 0, rm, f), NEG, NONE);
    }
}

#[test]
fn overflow_goes_to_infinity_or_stops_short() {
    let both = Flags(Flags::OF.0 | Flags::NX.0);
    for (rm, positive, negative) in [
        (Rounding::Rne, INF, INF),
        (Rounding::Rtz, MAX, MAX),
        (Rounding::Rdn, MAX, INF),
        (Rounding::Rup, INF, MAX),
        (Rounding::Rmm, INF, INF),
    ] {
        raises(|f| add(MAX, MAX, rm, f), positive, both);
        raises(|f| mul(MAX | NEG, MAX, rm, f), negative | NEG, both);
    }
}

/// Just below the smallest normal number, rounded up to it, once because the last bit of a
/// subnormal is coarse (tiny) and once because even a normal's last bit is (not tiny).
#[test]
fn tininess_is_detected_after_rounding() {
    let tiny = Flags(Flags::UF.0 | Flags::NX.0);
    let rm = Rounding::Rne;
    let below_one = ONE - 1;
    raises(|f| mul(MIN_NORMAL, below_one, rm, f), MIN_NORMAL, tiny);
    // (1 + 2^-52) × (1 − 2^-52) = 1 − 2^-104, of the smallest normal number.
    raises(|f| mul(MIN_NORMAL + 1, ONE - 2, rm, f), MIN_NORMAL, Flags::NX);
    raises(|f| mul(MIN_NORMAL + 1, ONE - 2, Rounding::Rtz, f), MIN_NORMAL - 1, tiny);
    raises(|f| mul(MIN_NORMAL + 1, ONE - 2, Rounding::Rup, f), MIN_NORMAL, Flags::NX);
    // A subnormal that is exact does not underflow.
    raises(|f| div(MIN_NORMAL, 2f64.to_bits(), rm, f), MIN_NORMAL >> 1, NONE);
    raises(|f| mul(1u64, 1, Rounding::Rup, f), 1, tiny);
    raises(|f| mul(1u64, 1, Rounding::Rne, f), 0, tiny);
}

#[test]
fn minimum_and_maximum_prefer_numbers_and_order_zeros() {
    raises(|f| min(0, NEG, f), NEG, NONE);
    raises(|f| min(NEG, 0, f), NEG, NONE);
    raises(|f| max(0, NEG, f), 0, NONE);
    raises(|f| max(NEG, 0, f), 0, NONE);
    raises(|f| min(QNAN, ONE, f), ONE, NONE);
    raises(|f| max(ONE, SNAN, f), ONE, Flags::NV);
    raises(|f| min(QNAN | NEG, QNAN | 1, f), QNAN, NONE);
    raises(|f| max(SNAN, QNAN, f), QNAN, Flags::NV);
}

#[test]
fn comparing_with_a_quiet_nan_is_invalid_only_for_order() {
    raises(|f| eq(QNAN, ONE, f), false, NONE);
    raises(|f| eq(SNAN, ONE, f), false, Flags::NV);
    raises(|f| lt(QNAN, ONE, f), false, Flags::NV);
    raises(|f| le(ONE, QNAN, f), false, Flags::NV);
    raises(|f| eq(0, NEG, f), true, NONE);
    raises(|f| lt(NEG, 0, f), false, NONE);
    raises(|f| le(0, NEG, f), true, NONE);
}

#[test]
fn classes_are_numbered_as_in_the_manual() {
    let order = [INF | NEG, ONE | NEG, 1 | NEG, NEG, 0, MIN_NORMAL - 1, MIN_NORMAL, INF, SNAN, QNAN];
    for (bit, pattern) in order.into_iter().enumerate() {
        assert_eq!(classify(pattern), 1 << bit, "{pattern:#x}");
    }
    assert_eq!(classify(f32::MIN_POSITIVE.to_bits()), 1 << 6);
    assert_eq!(classify(1u32), 1 << 5);
}

#[test]
fn signs_are_injected_into_nans_too() {
    assert_eq!(sgnj(SNAN, NEG), SNAN | NEG);
    assert_eq!(sgnjn(ONE, NEG), ONE);
    assert_eq!(sgnjx(ONE | NEG, NEG), ONE);
    assert_eq!(sgnjx(0x8000_0001_u32, 0x3f80_0000), 0x8000_0001);
}

/// The manual's table of limits of float-to-integer conversions.
#[test]
fn conversions_to_integers_saturate() {
    let rm = Rounding::Rtz;
    for (input, words, longs) in [
        (INF | NEG, [i32::MIN as u64, 0], [i64::MIN as u64, 0]),
        (INF, [i32::MAX as u64, u64::MAX], [i64::MAX as u64, u64::MAX]),
        (QNAN, [i32::MAX as u64, u64::MAX], [i64::MAX as u64, u64::MAX]),
        (QNAN | NEG, [i32::MAX as u64, u64::MAX], [i64::MAX as u64, u64::MAX]),
        ((-1e300f64).to_bits(), [i32::MIN as u64, 0], [i64::MIN as u64, 0]),
    ] {
        for ((to, ..), value) in INTEGERS.into_iter().zip(words.into_iter().chain(longs)) {
            raises(|f| to_integer(input, to, rm, f), value, Flags::NV);
        }
    }
    let minus_half = (-0.5f64).to_bits();
    raises(|f| to_integer(minus_half, Integer::U32, rm, f), 0, Flags::NX);
    raises(|f| to_integer(minus_half, Integer::U64, Rounding::Rdn, f), 0, Flags::NV);
    raises(|f| to_integer((-2_147_483_648.5f64).to_bits(), Integer::I32, rm, f), i32::MIN as u64, Flags::NX);
    raises(|f| to_integer((4_294_967_295.0f64).to_bits(), Integer::U32, rm, f), u64::MAX, NONE);
}

use super::*;
use proptest::prelude::*;

fn claim(shares: u64, active: u64, min: u64, max: u64, tax: f64) -> Claim {
    Claim { shares: shares as f64, active: active as f64, tax, min, max }
}

/// Divides MiB, in pages, and answers in MiB. Claims are shares, active, min, max.
fn divided(amount: u64, tax: f64, claims: &[(u64, u64, u64, u64)]) -> Vec<f64> {
    let claims: Vec<_> = claims
        .iter()
        .map(|&(shares, active, min, max)| claim(shares, active * 256, min * 256, max * 256, tax))
        .collect();
    divide(amount * 256, &claims).grants.iter().map(|pages| *pages as f64 / 256.0).collect()
}

#[test]
fn the_reference_vectors_come_out() {
    let idle_and_busy = [(2560, 16, 0, 256), (2560, 230, 0, 256)];
    let three = [(40_960, 512, 0, 4096), (20_480, 1900, 0, 2048), (10_240, 900, 0, 1024)];
    let vectors: [(u64, f64, &[_], &[f64]); 7] = [
        (360, 0.0, &idle_and_busy, &[180.0, 180.0]),
        (360, 0.75, &idle_and_busy, &[104.0, 256.0]),
        (360, 0.75, &[(2560, 16, 128, 256), (2560, 230, 128, 256)], &[128.0, 232.0]),
        (
            4096,
            0.75,
            &[(20_480, 512, 0, 2048), (20_480, 1900, 0, 2048), (10_240, 256, 0, 1024)],
            &[1365.3, 2048.0, 682.7],
        ),
        (4096, 0.0, &three, &[2340.6, 1170.3, 585.1]),
        (4096, 0.75, &three, &[1318.5, 1868.9, 908.6]),
        (
            4096,
            0.75,
            &[(40_960, 512, 3072, 4096), (20_480, 1900, 0, 2048), (10_240, 900, 0, 1024)],
            &[3072.0, 682.7, 341.3],
        ),
    ];
    for (amount, tax, claims, expected) in vectors {
        let grants = divided(amount, tax, claims);
        for (grant, expected) in grants.iter().zip(expected) {
            assert!((grant - expected).abs() <= 0.06, "{grants:?} instead of {expected:?}");
        }
        assert!((grants.iter().sum::<f64>() - amount as f64).abs() < 1e-9);
    }
}

#[test]
fn too_little_for_the_minima_is_divided_in_their_proportion() {
    let claims = [claim(1, 0, 100, 100, 0.0), claim(9, 0, 300, 500, 0.0)];
    assert_eq!(divide(40, &claims).grants, [10, 30]);
    assert_eq!(divide(0, &claims).grants, [0, 0]);
    assert!(divide(0, &[]).grants.is_empty());
    assert_eq!(divide(7, &[claim(1, 0, 0, 0, 0.5)]), Division { grants: vec![0], lambda: None });
}

#[test]
fn where_nobody_is_between_bounds_nobody_leaves_them() {
    let claims = [
        claim(15944, 91, 155, 249, 0.04),
        claim(42473, 141, 172, 235, 0.09),
        claim(86159, 3, 208, 216, 0.04),
        claim(70707, 67, 53, 117, 0.53),
        claim(73161, 124, 40, 157, 0.0),
    ];
    // The first has its minimum and the others their maxima at many prices.
    assert_eq!(divide(880, &claims).grants, [155, 235, 216, 117, 157]);
}

/// Takes pages one by one from whoever pays least for what it has, as the paper describes it.
fn revoke_step_by_step(amount: u64, claims: &[Claim]) -> Vec<u64> {
    let mut grants: Vec<u64> = claims.iter().map(|claim| claim.max).collect();
    let price = |claim: &Claim, pages: u64| {
        let pages = pages as f64;
        let idle = (pages - claim.active).max(0.0);
        claim.shares / ((pages - idle) + idle / (1.0 - claim.tax))
    };
    while grants.iter().sum::<u64>() > amount {
        let poorest = (0..claims.len())
            .filter(|&index| grants[index] > claims[index].min)
            .min_by(|&a, &b| price(&claims[a], grants[a]).total_cmp(&price(&claims[b], grants[b])));
        grants[poorest.expect("somebody is above the minimum")] -= 1;
    }
    grants
}

fn any_claim(largest: u64) -> impl Strategy<Value = Claim> {
    (1u64..100_000, 0..=largest, 0..=largest, 0..=largest, 0u32..100).prop_map(
        |(shares, active, a, b, tax)| claim(shares, active, a.min(b), a.max(b), f64::from(tax) / 100.0),
    )
}

fn any_claims(largest: u64) -> impl Strategy<Value = Vec<Claim>> {
    prop::collection::vec(any_claim(largest), 1..12)
}

fn sum(claims: &[Claim], bound: fn(&Claim) -> u64) -> u64 {
    claims.iter().map(bound).sum()
}

proptest! {
    #[test]
    fn grants_add_up_and_keep_to_their_bounds(claims in any_claims(1 << 40), part in 0.0..1.2f64) {
        let most = sum(&claims, |claim| claim.max);
        let amount = (most as f64 * part) as u64;
        let grants = divide(amount, &claims).grants;
        prop_assert_eq!(grants.iter().sum::<u64>(), amount.min(most));
        for (grant, claim) in grants.iter().zip(&claims) {
            prop_assert!(*grant <= claim.max);
            prop_assert!(*grant >= claim.min || amount < sum(&claims, |claim| claim.min));
        }
    }

    #[test]
    fn nobody_pays_another_price(claims in any_claims(1 << 24), part in 0.0..1.0f64) {
        let (least, most) = (sum(&claims, |claim| claim.min), sum(&claims, |claim| claim.max));
        let amount = least + ((most - least) as f64 * part) as u64;
        let division = divide(amount, &claims);
        if let Some(lambda) = division.lambda {
            for (grant, claim) in division.grants.iter().zip(&claims) {
                prop_assert!((*grant as f64 - claim.at(lambda)).abs() <= 1.0 + 1e-6 * *grant as f64);
            }
        }
    }

    #[test]
    fn revoking_page_by_page_ends_at_the_same_point(claims in any_claims(300), part in 0.0..1.0f64) {
        let (least, most) = (sum(&claims, |claim| claim.min), sum(&claims, |claim| claim.max));
        let amount = least + ((most - least) as f64 * part) as u64;
        let slow = revoke_step_by_step(amount, &claims);
        for (fast, slow) in divide(amount, &claims).grants.iter().zip(&slow) {
            // Each step takes a whole page, so that some may have given one too many and others owe theirs.
            prop_assert!(fast.abs_diff(*slow) <= claims.len() as u64, "{fast} {slow}");
        }
    }

    #[test]
    fn more_shares_are_never_less_memory(
        claims in any_claims(1 << 30), part in 0.0..1.0f64, more in 1u64..100_000,
    ) {
        let amount = (sum(&claims, |claim| claim.max) as f64 * part) as u64;
        let before = divide(amount, &claims).grants[0];
        let mut richer = claims;
        richer[0].shares += more as f64;
        // One page may go the other way when fractions are rounded.
        prop_assert!(divide(amount, &richer).grants[0] + 1 >= before);
    }

    #[test]
    fn without_tax_memory_follows_shares(shares in prop::collection::vec(1u64..10_000, 1..10), amount in 0u64..1 << 20) {
        let claims: Vec<_> = shares.iter().map(|&shares| claim(shares, 77, 0, 1 << 40, 0.0)).collect();
        let all: u64 = shares.iter().sum();
        for (grant, shares) in divide(amount, &claims).grants.iter().zip(&shares) {
            prop_assert!((*grant as f64 - (amount * shares) as f64 / all as f64).abs() <= 1.0);
        }
    }
}

//! Dividing an amount of memory among claimants: shares with a tax on idle memory.
//!
//! **Model.** Min-funding revocation (Waldspurger 2002) takes a page from whoever pays the fewest
//! shares for what it has, where an idle page costs `1/(1-tax)` times an active one. Where that ends
//! can be written down: with one price for all, a claimant whose price buys `x = lambda * shares`
//! active pages holds
//!
//! ```text
//! x                        while x <= active
//! tax * active + (1 - tax) * x     beyond: idle pages are dearer
//! ```
//!
//! held between its minimum and its maximum. The sum rises with lambda along straight lines that bend
//! where a claimant leaves its minimum, has its active pages, or reaches its maximum. Sorting the bends
//! and walking along them until the sum is the amount gives lambda exactly.
//!
//! **Invariants.** The grants add up to the amount, to the page, unless all maxima together are less,
//! or all minima together more.
//!
//! **Failure.** Should the minima exceed the amount, each gets the same part of its minimum.
//!
//! **Cost.** O(n log n).

/// Who asks for memory. In pages.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Claim {
    /// Relative to the others' shares; more than zero.
    pub(crate) shares: f64,
    /// Pages in use.
    pub(crate) active: f64,
    /// The part of the idle memory that may be taken, from 0 to less than 1.
    pub(crate) tax: f64,
    /// The least it gets.
    pub(crate) min: u64,
    /// The most it gets; not less than `min`.
    pub(crate) max: u64,
}

/// Who gets how much.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Division {
    /// In the order of the claims.
    pub(crate) grants: Vec<u64>,
    /// Pages a share buys; `None` if everybody got its maximum, so that there is no price.
    pub(crate) lambda: Option<f64>,
}

impl Claim {
    /// Pages held at the price `lambda`, were there neither minimum nor maximum.
    pub(crate) fn unbounded(&self, lambda: f64) -> f64 {
        let bought = lambda * self.shares;
        if bought <= self.active { bought } else { self.tax * self.active + (1.0 - self.tax) * bought }
    }

    /// The price at which `pages` are held: the inverse of `unbounded`.
    fn price_of(&self, pages: f64) -> f64 {
        let bought =
            if pages <= self.active { pages } else { (pages - self.tax * self.active) / (1.0 - self.tax) };
        bought / self.shares
    }

    fn at(&self, lambda: f64) -> f64 {
        self.unbounded(lambda).clamp(self.min as f64, self.max as f64)
    }

    /// Where the line bends: the price, and by how much the slope changes there.
    fn bends(&self) -> [(f64, f64); 3] {
        let (min, max) = (self.min as f64, self.max as f64);
        let active = self.active.clamp(min, max);
        let (steep, flat) = (self.shares, self.shares * (1.0 - self.tax));
        let before = if active > min { steep } else { 0.0 };
        let after = if max > active { flat } else { 0.0 };
        [(self.price_of(min), before), (self.price_of(active), after - before), (self.price_of(max), -after)]
    }
}

/// Divides `amount` pages among `claims`. Among equals, the earlier is given an odd page.
pub(crate) fn divide(amount: u64, claims: &[Claim]) -> Division {
    let sum = |bound: fn(&Claim) -> u64| claims.iter().map(bound).sum::<u64>();
    let (least, most) = (sum(|claim| claim.min), sum(|claim| claim.max));
    if most <= amount {
        return Division { grants: claims.iter().map(|claim| claim.max).collect(), lambda: None };
    }
    if least >= amount {
        let part = if least == 0 { 0.0 } else { amount as f64 / least as f64 };
        let ideal: Vec<f64> = claims.iter().map(|claim| claim.min as f64 * part).collect();
        let bounds: Vec<_> = claims.iter().map(|claim| (0, claim.min)).collect();
        return Division { grants: round(amount, &ideal, &bounds), lambda: Some(0.0) };
    }
    let lambda = price(amount as f64, least as f64, claims);
    let ideal: Vec<f64> = claims.iter().map(|claim| claim.at(lambda)).collect();
    let bounds: Vec<_> = claims.iter().map(|claim| (claim.min, claim.max)).collect();
    Division { grants: round(amount, &ideal, &bounds), lambda: Some(lambda) }
}

/// The price at which all hold `amount` together. `least` is what they hold at price zero.
fn price(amount: f64, least: f64, claims: &[Claim]) -> f64 {
    let mut bends: Vec<_> =
        claims.iter().filter(|claim| claim.max > claim.min).flat_map(Claim::bends).collect();
    bends.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut lambda, mut held, mut slope) = (0.0, least, 0.0);
    for (next, change) in bends {
        let there = held + slope * (next - lambda);
        if there >= amount {
            // Where the line is level, what rounding left of the slope would lead far beyond.
            return if slope > 0.0 { (lambda + (amount - held) / slope).min(next) } else { lambda };
        }
        (lambda, held, slope) = (next, there, slope + change);
    }
    lambda
}

/// Whole pages near `ideal`, within their bounds, that add up to `amount`: rounded down, and the pages
/// left over given to those who lost the largest fractions. Bounds must allow the sum.
fn round(amount: u64, ideal: &[f64], bounds: &[(u64, u64)]) -> Vec<u64> {
    let mut grants: Vec<u64> =
        ideal.iter().zip(bounds).map(|(ideal, (min, max))| (*ideal as u64).clamp(*min, *max)).collect();
    let mut order: Vec<usize> = (0..grants.len()).collect();
    let fraction = |index: usize| ideal[index] - ideal[index].floor();
    order.sort_by(|a, b| fraction(*b).total_cmp(&fraction(*a)));
    // Floating point may also have given a page too many. One pass is enough but for huge numbers of pages.
    let mut granted: u64 = grants.iter().sum();
    while granted != amount {
        let before = granted;
        for &index in &order {
            let (min, max) = bounds[index];
            if granted < amount && grants[index] < max {
                grants[index] += 1;
                granted += 1;
            } else if granted > amount && grants[index] > min {
                grants[index] -= 1;
                granted -= 1;
            }
        }
        assert_ne!(before, granted, "the bounds allow no sum of {amount}");
    }
    grants
}

#[cfg(test)]
mod tests;

//! Multiplication without carry (Zbc): operands are polynomials over GF(2), each bit a coefficient.

/// The product, of at most 127 bits. A function of its own, as it needs more registers than an operation has.
#[inline(never)]
pub(crate) fn product(a: u64, b: u64) -> u128 {
    (0..64).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ u128::from(a) << bit)
}

#[cfg(test)]
mod tests {
    use super::product;

    #[test]
    fn products_are_those_of_polynomials() {
        // (x + 1)^2 is x^2 + 1, as 2x is nothing.
        assert_eq!(product(0b11, 0b11), 0b101);
        assert_eq!(product(u64::MAX, 1 << 63), u128::from(u64::MAX) << 63);
    }
}

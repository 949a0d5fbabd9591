//! The position of a chain of operations: its place in a page of code, and what it has used of its slice.

/// Halfwords in a page.
pub(crate) const HALFWORDS: usize = 2048;
/// Halfwords in a line.
pub(crate) const LINE: usize = 64;
/// Lines in a page.
pub(crate) const LINES_IN_PAGE: usize = HALFWORDS / LINE;
/// Added to the length that an operation is made for if it is the last of its line.
pub(crate) const LAST: usize = 8;

/// A place in a page of code: a halfword's number times the size of an operation, so that finding the
/// operation takes no multiplication.
#[derive(Clone, Copy)]
pub(crate) struct At(usize);

impl At {
    /// The size of an operation.
    pub(crate) const SCALE: usize = 16;

    pub(crate) const fn of(halfword: usize) -> Self {
        Self(halfword * Self::SCALE)
    }

    /// A place kept in an operation's immediate.
    #[inline(always)]
    pub(crate) const fn from_imm(imm: i32) -> Self {
        Self(imm as usize)
    }

    /// As an operation's immediate keeps it.
    pub(crate) const fn to_imm(self) -> i32 {
        self.0 as i32
    }

    /// The place of a byte in a guest's page.
    #[inline(always)]
    pub(crate) const fn of_byte(offset: u64) -> Self {
        Self(offset as usize / 2 * Self::SCALE)
    }

    #[inline(always)]
    pub(crate) const fn halfword(self) -> usize {
        self.0 / Self::SCALE
    }

    /// Which line of its page this is in.
    #[inline(always)]
    pub(crate) const fn line(self) -> usize {
        self.halfword() / LINE
    }

    /// Whether an instruction of `LEN` halfwords here is the last of its line.
    pub(crate) const fn ends_line<const LEN: usize>(self) -> bool {
        self.halfword() % LINE + LEN >= LINE
    }

    /// Behind an instruction of `LEN` halfwords.
    #[inline(always)]
    pub(crate) const fn after<const LEN: usize>(self) -> Self {
        Self(self.0 + LEN % LAST * Self::SCALE)
    }

    /// How far into the guest's page this is, in bytes.
    #[inline(always)]
    pub(crate) const fn byte(self) -> u64 {
        (self.0 / (Self::SCALE / 2)) as u64
    }
}

/// Where a chain of operations is and what it has used up, in one register.
///
/// ```text
///   63            32 31              16 15     0
///  |    accesses    |   instructions   |   at   |
/// ```
///
/// Instructions count up towards the sign bit of the low half, where the slice is over; going on to
/// the next one and counting it is one addition.
#[derive(Clone, Copy)]
pub(crate) struct Here(u64);

impl Here {
    const AT: u64 = 0xffff;
    const INSTRUCTION: u64 = 1 << 16;
    const ACCESS: u64 = 1 << 32;
    /// Most instructions a slice may be asked for.
    pub(crate) const MAX_SLICE: u32 = (1 << 15) - 1;
    const END: u32 = 1 << 15;

    /// At no place yet, with a slice of `instructions` ahead.
    pub(crate) const fn with_slice(instructions: u32) -> Self {
        Self((Self::END - instructions) as u64 * Self::INSTRUCTION)
    }

    #[inline(always)]
    pub(crate) const fn at(self) -> At {
        At((self.0 & Self::AT) as usize)
    }

    /// Elsewhere in a page, with nothing counted.
    #[inline(always)]
    pub(crate) const fn moved_to(self, at: At) -> Self {
        Self(self.0 & !Self::AT | at.0 as u64)
    }

    /// Behind an instruction of `LEN` halfwords, which is counted.
    #[inline(always)]
    pub(crate) const fn after<const LEN: usize>(self) -> Self {
        Self(self.0 + Self::INSTRUCTION + (LEN % LAST * At::SCALE) as u64)
    }

    /// What an instruction of `length` halfwords adds.
    pub(crate) const fn step(length: usize) -> i32 {
        (Self::INSTRUCTION as usize + length * At::SCALE) as i32
    }

    /// Behind all instructions that a sum of [`Here::step`]s stands for.
    #[inline(always)]
    pub(crate) const fn stepped(self, steps: i32) -> Self {
        Self(self.0 + steps as u64)
    }

    /// With an instruction counted.
    #[inline(always)]
    pub(crate) const fn instruction(self) -> Self {
        Self(self.0 + Self::INSTRUCTION)
    }

    /// With a memory access counted.
    #[inline(always)]
    pub(crate) const fn access(self) -> Self {
        Self(self.0 + Self::ACCESS)
    }

    #[inline(always)]
    pub(crate) const fn is_over(self) -> bool {
        self.0 & (Self::END as u64 * Self::INSTRUCTION) != 0
    }

    /// Instructions counted since the slice of `of` began.
    pub(crate) const fn instructions(self, of: u32) -> u32 {
        (self.0 as u32 >> 16).wrapping_sub(Self::END - of)
    }

    /// Accesses counted since the slice began.
    pub(crate) const fn accesses(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

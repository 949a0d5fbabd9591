//! What was handed out, for those who have not taken it yet.
//!
//! **Model.** One queue for all who follow. A [`Place`] in it is one follower's. What all have taken is forgotten; what is more than
//! [`MOST`] bytes or [`PIECES`] is forgotten from the oldest on, and whoever had not taken it has lost their place.

use axum::body::Bytes;
use std::collections::VecDeque;

/// Bytes that are kept, but for a last piece that is larger.
pub(super) const MOST: usize = 4 << 20;

/// Pieces that are kept.
const PIECES: usize = 64;

/// What is handed to every follower.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) is_status: bool,
    pub(super) bytes: Bytes,
    /// The same without decisions.
    pub(super) only_events: Bytes,
}

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    pieces: VecDeque<Waiting>,
    /// The number of the first of them.
    first: u64,
    /// What they have together.
    bytes: usize,
    followers: usize,
}

struct Waiting {
    piece: Piece,
    /// Followers who have not taken it.
    takers: usize,
}

/// The number of the piece that a follower takes next.
pub(super) struct Place(u64);

/// What there is for a follower.
pub(super) enum Next {
    Piece(Piece),
    /// Nothing yet.
    Nothing,
    /// What comes next is forgotten: the follower was too slow.
    Lost,
}

impl Piece {
    fn size(&self) -> usize {
        self.bytes.len() + self.only_events.len()
    }
}

impl Queue {
    /// Adds a piece, which is forgotten at once if nobody follows.
    pub(super) fn hand_out(&mut self, piece: Piece) {
        if self.followers == 0 {
            return;
        }
        self.bytes += piece.size();
        self.pieces.push_back(Waiting { piece, takers: self.followers });
        while self.pieces.len() > PIECES || (self.bytes > MOST && self.pieces.len() > 1) {
            self.forget();
        }
    }

    /// A place for one follower more, who takes what is handed out from here on.
    pub(super) fn join(&mut self) -> Place {
        self.followers += 1;
        Place(self.first + self.pieces.len() as u64)
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, place: &Place) {
        self.followers -= 1;
        let taken = place.0.saturating_sub(self.first) as usize;
        self.pieces.iter_mut().skip(taken).for_each(|waiting| waiting.takers -= 1);
        self.forget_taken();
    }

    pub(super) fn take(&mut self, place: &mut Place) -> Next {
        let Some(at) = place.0.checked_sub(self.first) else { return Next::Lost };
        let Some(waiting) = self.pieces.get_mut(at as usize) else { return Next::Nothing };
        place.0 += 1;
        waiting.takers -= 1;
        let piece = waiting.piece.clone();
        self.forget_taken();
        Next::Piece(piece)
    }

    fn forget_taken(&mut self) {
        while self.pieces.front().is_some_and(|waiting| waiting.takers == 0) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        if let Some(waiting) = self.pieces.pop_front() {
            self.first += 1;
            self.bytes -= waiting.piece.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(size: usize) -> Piece {
        Piece { is_status: false, bytes: vec![0; size].into(), only_events: Bytes::new() }
    }

    fn size(next: Next) -> Option<usize> {
        match next {
            Next::Piece(piece) => Some(piece.size()),
            Next::Nothing => None,
            Next::Lost => panic!("its place is lost"),
        }
    }

    #[test]
    fn what_all_have_taken_is_forgotten() {
        let mut queue = Queue::default();
        queue.hand_out(piece(1));
        assert_eq!(queue.bytes, 0, "nobody follows");
        let (mut one, mut other) = (queue.join(), queue.join());
        queue.hand_out(piece(2));
        queue.hand_out(piece(3));
        assert_eq!([size(queue.take(&mut one)), size(queue.take(&mut one))], [Some(2), Some(3)]);
        assert_eq!((size(queue.take(&mut one)), queue.bytes), (None, 5));
        assert_eq!((size(queue.take(&mut other)), queue.bytes), (Some(2), 3));
        queue.leave(&other);
        assert_eq!((queue.bytes, queue.pieces.len()), (0, 0));
        queue.hand_out(piece(4));
        assert_eq!((size(queue.take(&mut one)), queue.bytes), (Some(4), 0));
    }

    #[test]
    fn it_is_bounded_in_bytes_and_whoever_is_too_slow_loses_their_place() {
        let mut queue = Queue::default();
        let (mut quick, mut slow) = (queue.join(), queue.join());
        for _ in 0..10 {
            queue.hand_out(piece(MOST / 4));
            assert_eq!(size(queue.take(&mut quick)), Some(MOST / 4));
            assert!(queue.bytes <= MOST);
        }
        assert!(matches!(queue.take(&mut slow), Next::Lost));
        queue.leave(&slow);
        assert_eq!(queue.bytes, 0);
        // One that is larger than all is handed out as well.
        queue.hand_out(piece(2 * MOST));
        assert_eq!((size(queue.take(&mut quick)), queue.bytes), (Some(2 * MOST), 0));
    }
}

//! Threads that work for a guest give way to the host's own: what keeps guests going must not wait behind them.
//!
//! **Model.** Linux gives each thread a part of the processors by its niceness. A thread at [`LESS`] gets about a third of what one of the
//! host's own gets that wants as much; where nobody else wants anything it gets all.

/// How much nicer a guest's threads are than the thread that started the host.
const LESS: i32 = 5;

/// Has the calling thread, which works for a guest, give way to the host's own.
pub fn give_way() {
    // A system that does not let it has all threads alike, which is only slower.
    let _ = rustix::process::nice(LESS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_gives_way() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let after = std::thread::spawn(move || {
            give_way();
            niceness()
        });
        assert_eq!(after.join().unwrap(), (before + LESS).min(19));
        assert_eq!(niceness(), before);
    }
}

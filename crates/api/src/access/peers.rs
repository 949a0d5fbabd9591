//! Who is at the other end of a connection, and how much each may ask.
//!
//! **Model.** Each peer, a user of this machine or an address, has so many connections, and two buckets: of requests, and of refusals.
//! A bucket is emptied by use and filled by time. Who finds it empty is told when to come back.
//!
//! **Bounds.** Peers without a connection are forgotten once there are more than [`MOST_PEERS`]; what is left is bounded by the
//! connections there can be.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most peers that are remembered although they have no connection.
const MOST_PEERS: usize = 1024;

/// The other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Peer {
    /// A process of this machine, over the Unix socket.
    Local {
        /// Whose.
        uid: u32,
    },
    /// Somebody over TCP.
    Remote {
        /// From there.
        address: IpAddr,
        /// Whether nobody in between can listen.
        tls: bool,
    },
}

/// What counts as one peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key {
    User(u32),
    Address(IpAddr),
}

impl Peer {
    fn key(self) -> Key {
        match self {
            Self::Local { uid } => Key::User(uid),
            Self::Remote { address, .. } => Key::Address(match address.to_canonical() {
                // Whoever has one address of these has them all.
                IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
                address @ IpAddr::V4(_) => address,
            }),
        }
    }
}

/// How often something may happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// At once.
    pub(crate) burst: f64,
    /// In the long run.
    pub(crate) per_second: f64,
}

/// What is left of a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, at: now }
    }

    /// Takes one, or says when there will be one.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * rate.per_second;
        self.left = (self.left + filled).min(rate.burst);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / rate.per_second))
    }
}

/// How much each peer, and all together, may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most connections at once, of the Unix sockets and of TCP: who is far away takes no place of those who are here.
    pub(crate) connections: usize,
    /// Most of these for one peer.
    pub(crate) of_one_peer: usize,
    /// Requests of one peer.
    pub(crate) requests: Rate,
    /// Refusals of one peer.
    pub(crate) refusals: Rate,
    /// How long the head of a request may take, and a connection may be idle.
    pub(crate) head: Duration,
    /// How long a client at a console may finish no frame.
    pub(crate) silence: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 256,
            of_one_peer: 128,
            requests: Rate { burst: 1000.0, per_second: 500.0 },
            refusals: Rate { burst: 10.0, per_second: 0.2 },
            head: Duration::from_secs(30),
            silence: Duration::from_mins(1),
        }
    }
}

/// Everybody who asked lately.
pub(crate) struct Peers {
    pub(crate) bounds: Bounds,
    known: Mutex<HashMap<Key, Known>>,
}

struct Known {
    connections: usize,
    requests: Bucket,
    refusals: Bucket,
}

/// A connection that counts. It counts no more when this is dropped.
pub(crate) struct Connected {
    peers: Arc<Peers>,
    key: Key,
}

impl Peers {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, known: Mutex::default() }
    }

    /// Counts a connection, if the peer may have one more.
    pub(crate) fn connect(self: &Arc<Self>, peer: Peer) -> Option<Connected> {
        let key = peer.key();
        let mut known = self.lock();
        if known.len() > MOST_PEERS {
            known.retain(|_, known| known.connections > 0);
        }
        let known = self.of(&mut known, key, Instant::now());
        if known.connections >= self.bounds.of_one_peer {
            return None;
        }
        known.connections += 1;
        Some(Connected { peers: Arc::clone(self), key })
    }

    /// Counts a request; the error says when to come back.
    pub(super) fn request(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        self.of(&mut self.lock(), peer.key(), now).requests.take(self.bounds.requests, now)
    }

    /// Counts a refusal; the error says that there were too many, and when to come back.
    pub(super) fn refusal(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        self.of(&mut self.lock(), peer.key(), now).refusals.take(self.bounds.refusals, now)
    }

    fn of<'a>(&self, known: &'a mut HashMap<Key, Known>, key: Key, now: Instant) -> &'a mut Known {
        known.entry(key).or_insert_with(|| Known {
            connections: 0,
            requests: Bucket::new(self.bounds.requests, now),
            refusals: Bucket::new(self.bounds.refusals, now),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        if let Some(known) = self.peers.lock().get_mut(&self.key) {
            known.connections -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(address: &str) -> Peer {
        Peer::Remote { address: address.parse().unwrap(), tls: false }
    }

    #[test]
    fn a_bucket_is_emptied_by_use_and_filled_by_time() {
        let rate = Rate { burst: 3.0, per_second: 0.5 };
        let begin = Instant::now();
        let mut bucket = Bucket::new(rate, begin);
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, begin), Ok(()));
        }
        assert_eq!(bucket.take(rate, begin), Err(Duration::from_secs(2)));
        let second = Duration::from_secs(1);
        assert_eq!(bucket.take(rate, begin + second), Err(second));
        assert_eq!(bucket.take(rate, begin + 2 * second), Ok(()));
        // Never more than at once, and a clock that goes back gives nothing.
        assert!(bucket.take(rate, begin).is_err());
        let later = begin + 1000 * second;
        assert_eq!((0..9).filter(|_| bucket.take(rate, later).is_ok()).count(), 3);
    }

    #[test]
    fn peers_do_not_take_from_each_other() {
        let bounds = Bounds {
            of_one_peer: 2,
            requests: Rate { burst: 1.0, per_second: 0.1 },
            refusals: Rate { burst: 1.0, per_second: 0.1 },
            ..Bounds::default()
        };
        let peers = Arc::new(Peers::new(bounds));
        let (one, other) = (remote("192.0.2.1"), remote("192.0.2.2"));
        let (first, _second) = (peers.connect(one).unwrap(), peers.connect(one).unwrap());
        assert!(peers.connect(one).is_none() && peers.connect(other).is_some());
        drop(first);
        assert!(peers.connect(one).is_some());
        let now = Instant::now();
        assert!(peers.request(one, now).is_ok() && peers.request(one, now).is_err());
        assert!(peers.refusal(one, now).is_ok() && peers.refusal(one, now).is_err());
        assert!(peers.request(other, now).is_ok() && peers.request(Peer::Local { uid: 0 }, now).is_ok());
    }

    #[test]
    fn who_has_a_network_is_one_peer() {
        let key = |address: &str| remote(address).key();
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:0:0:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn peers_that_are_gone_are_forgotten() {
        let peers = Arc::new(Peers::new(Bounds::default()));
        let _stays = peers.connect(Peer::Local { uid: 1 }).unwrap();
        for number in 0..10_000u32 {
            peers.connect(Peer::Remote { address: IpAddr::V4(number.into()), tls: true }).unwrap();
        }
        let known = peers.lock();
        assert!(known.len() <= MOST_PEERS + 1 && known[&Key::User(1)].connections == 1, "{}", known.len());
    }
}

//! Who is at the other end of a connection, and how much each may ask.
//!
//! **Model.** Each peer, a user of this machine or an address, has so many connections, and two buckets: of requests, and of refusals.
//! A bucket is emptied by use and filled by time. Who finds it empty is told when to come back.
//!
//! Somebody over TCP is a *stranger* until a token has let them in on that connection. Strangers are told to leave where others need
//! their places: the oldest one of the peer that has most of them. So nobody shuts the door by standing in it.
//!
//! **Bounds.** Peers without a connection are forgotten once there are more than [`MOST_PEERS`]; what is left is bounded by the
//! connections there can be.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

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
    /// Most of these for one user of this machine.
    pub(crate) of_one_user: usize,
    /// Most of these for one address.
    pub(crate) of_one_address: usize,
    /// Most of these that are strangers.
    pub(crate) strangers: usize,
    /// Requests of one peer.
    pub(crate) requests: Rate,
    /// Refusals of one peer.
    pub(crate) refusals: Rate,
    /// How long it may take until TLS has begun.
    pub(crate) handshake: Duration,
    /// How long it may take until the head of the first request is there.
    pub(crate) first: Duration,
    /// How long the head of a later one may take, and a connection may be idle.
    pub(crate) head: Duration,
    /// How long a client at a console may finish no frame.
    pub(crate) silence: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 256,
            of_one_user: 128,
            of_one_address: 64,
            strangers: 16,
            requests: Rate { burst: 1000.0, per_second: 500.0 },
            refusals: Rate { burst: 10.0, per_second: 0.2 },
            handshake: Duration::from_secs(5),
            first: Duration::from_secs(10),
            head: Duration::from_secs(30),
            silence: Duration::from_mins(1),
        }
    }
}

/// Everybody who asked lately.
pub(crate) struct Peers {
    pub(crate) bounds: Bounds,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    peers: HashMap<Key, Account>,
    /// Connections there ever were: each has a number, and who came later has the higher one.
    connections: u64,
}

/// A peer's.
struct Account {
    connections: BTreeMap<u64, Arc<Line>>,
    requests: Bucket,
    refusals: Bucket,
}

/// What is known of a connection.
struct Line {
    is_stranger: AtomicBool,
    has_asked: AtomicBool,
    leave: Notify,
}

/// A connection that counts. It counts no more when the last one of these is dropped, or it has been told to leave.
#[derive(Clone)]
pub(crate) struct Connected(Arc<Counted>);

struct Counted {
    peers: Arc<Peers>,
    key: Key,
    number: u64,
    line: Arc<Line>,
}

impl Peers {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, known: Mutex::default() }
    }

    /// Counts a connection, if the peer may have one more, for which its oldest stranger may have to leave.
    pub(crate) fn connect(self: &Arc<Self>, peer: Peer) -> Option<Connected> {
        let (key, is_stranger) = (peer.key(), matches!(peer, Peer::Remote { .. }));
        let mut known = self.lock();
        if known.peers.len() > MOST_PEERS {
            known.peers.retain(|_, account| !account.connections.is_empty());
        }
        let number = known.connections;
        let account = self.of(&mut known.peers, key, Instant::now());
        let most = if is_stranger { self.bounds.of_one_address } else { self.bounds.of_one_user };
        if account.connections.len() >= most || account.strangers() >= self.bounds.strangers {
            account.dismiss_oldest_stranger();
        }
        if account.connections.len() >= most {
            return None;
        }
        let line = Arc::new(Line {
            is_stranger: AtomicBool::new(is_stranger),
            has_asked: AtomicBool::new(false),
            leave: Notify::new(),
        });
        account.connections.insert(number, Arc::clone(&line));
        known.connections += 1;
        Some(Connected(Arc::new(Counted { peers: Arc::clone(self), key, number, line })))
    }

    /// Tells a stranger to leave, if there is one, as others have no place.
    pub(crate) fn make_room(&self) {
        let mut known = self.lock();
        // Of those who have as many, whose has been there for longest.
        let greed = |account: &&mut Account| {
            let oldest = account.oldest_stranger().unwrap_or(u64::MAX);
            (account.strangers(), std::cmp::Reverse(oldest))
        };
        if let Some(account) = known.peers.values_mut().max_by_key(greed) {
            account.dismiss_oldest_stranger();
        }
    }

    /// Counts a request; the error says when to come back.
    pub(super) fn request(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        self.of(&mut self.lock().peers, peer.key(), now).requests.take(self.bounds.requests, now)
    }

    /// Counts a refusal; the error says that there were too many, and when to come back.
    pub(super) fn refusal(&self, peer: Peer, now: Instant) -> Result<(), Duration> {
        self.of(&mut self.lock().peers, peer.key(), now).refusals.take(self.bounds.refusals, now)
    }

    fn of<'a>(&self, peers: &'a mut HashMap<Key, Account>, key: Key, now: Instant) -> &'a mut Account {
        peers.entry(key).or_insert_with(|| Account {
            connections: BTreeMap::new(),
            requests: Bucket::new(self.bounds.requests, now),
            refusals: Bucket::new(self.bounds.refusals, now),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn strangers(&self) -> usize {
        self.connections.values().filter(|line| line.is_stranger()).count()
    }

    fn oldest_stranger(&self) -> Option<u64> {
        self.connections.iter().find(|(_, line)| line.is_stranger()).map(|(number, _)| *number)
    }

    /// Its place is free as soon as whoever serves it hears of that.
    fn dismiss_oldest_stranger(&mut self) {
        let line = self.oldest_stranger().and_then(|number| self.connections.remove(&number));
        if let Some(line) = line {
            line.leave.notify_one();
        }
    }
}

impl Line {
    fn is_stranger(&self) -> bool {
        self.is_stranger.load(Ordering::Relaxed)
    }
}

impl Connected {
    /// A request has come.
    pub(crate) fn note_request(&self) {
        self.0.line.has_asked.store(true, Ordering::Relaxed);
    }

    /// Whoever is there is known from now on.
    pub(super) fn let_in(&self) {
        self.0.line.is_stranger.store(false, Ordering::Relaxed);
    }

    /// Returns when the connection is to end: another needs its place, or nothing came of it in time.
    pub(crate) async fn over(&self) {
        let late = async {
            tokio::time::sleep(self.0.peers.bounds.first).await;
            if self.0.line.has_asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.0.line.leave.notified() => {}
            () = late => {}
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(account) = self.peers.lock().peers.get_mut(&self.key) {
            // Who was told to leave is gone from there already.
            account.connections.remove(&self.number);
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
            of_one_address: 2,
            requests: Rate { burst: 1.0, per_second: 0.1 },
            refusals: Rate { burst: 1.0, per_second: 0.1 },
            ..Bounds::default()
        };
        let peers = Arc::new(Peers::new(bounds));
        let (one, other) = (remote("192.0.2.1"), remote("192.0.2.2"));
        let (first, second) = (peers.connect(one).unwrap(), peers.connect(one).unwrap());
        first.let_in();
        second.let_in();
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
        let known = &peers.lock().peers;
        assert!(known.len() <= MOST_PEERS + 1, "{}", known.len());
        assert_eq!(known[&Key::User(1)].connections.len(), 1);
    }

    async fn is_dismissed(connected: &Connected) -> bool {
        tokio::time::timeout(Duration::from_millis(1), connected.over()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_greediest_makes_room_and_who_is_known_stays() {
        let peers = Arc::new(Peers::new(Bounds { strangers: 3, ..Bounds::default() }));
        let (greedy, other) = (remote("192.0.2.1"), remote("192.0.2.2"));
        let many: Vec<_> = (0..3).map(|_| peers.connect(greedy).unwrap()).collect();
        let one = peers.connect(other).unwrap();
        let user = peers.connect(Peer::Local { uid: 1 }).unwrap();
        many[0].let_in();
        peers.make_room();
        assert!(
            !is_dismissed(&many[0]).await && is_dismissed(&many[1]).await && !is_dismissed(&many[2]).await
        );
        // Both have one now: whose has waited longest.
        peers.make_room();
        assert!(is_dismissed(&many[2]).await && !is_dismissed(&one).await);
        peers.make_room();
        peers.make_room();
        assert!(is_dismissed(&one).await && !is_dismissed(&user).await && !is_dismissed(&many[0]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_has_few_strangers_and_the_newest_stay() {
        let peers = Arc::new(Peers::new(Bounds { strangers: 2, ..Bounds::default() }));
        let [first, second, third] = [0; 3].map(|_| peers.connect(remote("192.0.2.1")).unwrap());
        assert!(is_dismissed(&first).await && !is_dismissed(&second).await && !is_dismissed(&third).await);
        drop(first);
        assert_eq!(peers.lock().peers[&remote("192.0.2.1").key()].connections.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_in_time_is_dismissed() {
        let peers = Arc::new(Peers::new(Bounds::default()));
        let [silent, asks] = [0; 2].map(|_| peers.connect(remote("192.0.2.1")).unwrap());
        asks.note_request();
        let long = 2 * peers.bounds.first;
        assert!(tokio::time::timeout(long, silent.over()).await.is_ok());
        assert!(tokio::time::timeout(long, asks.over()).await.is_err());
    }
}

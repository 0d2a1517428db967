//! Connections on which nobody has joined yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Source;

/// How many connections may stand open without anybody having joined on them:
/// before and during a TLS handshake, before a request, while files are sent,
/// and websockets before `join`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    pub unjoined: usize,
    pub unjoined_per_source: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            unjoined: 1_000,
            unjoined_per_source: 100,
        }
    }
}

/// All connections of a port. One too many costs the oldest: a browser needs
/// its connection for a moment, so whoever holds on to many loses them, and
/// a newcomer gets in even from the same address.
#[derive(Clone, Debug)]
pub struct Connections {
    table: Arc<Mutex<Table>>,
}

/// One connection. Clones are the same; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct Connection {
    entry: Arc<Entry>,
}

struct Entry {
    table: Arc<Mutex<Table>>,
    number: u64,
    peer: IpAddr,
    evicted: watch::Sender<bool>,
}

#[derive(Debug)]
struct Table {
    limits: ConnectionLimits,
    next: u64,
    open: usize,
    evictions: u64,
    /// Those on which nobody has joined, oldest first.
    unjoined: BTreeMap<u64, Unjoined>,
    by_source: HashMap<Source, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Unjoined {
    source: Option<Source>,
    evicted: watch::Sender<bool>,
}

impl Connections {
    pub fn new(limits: ConnectionLimits) -> Self {
        Self {
            table: Arc::new(Mutex::new(Table {
                limits,
                next: 0,
                open: 0,
                evictions: 0,
                unjoined: BTreeMap::new(),
                by_source: HashMap::new(),
            })),
        }
    }

    /// Takes a connection in. Of a trusted proxy's it is not known yet who it
    /// counts for: see [`Connection::attribute`].
    pub fn admit(&self, peer: IpAddr, is_trusted_proxy: bool) -> Connection {
        let evicted = watch::Sender::new(false);
        let mut table = lock(&self.table);
        let number = table.next;
        table.next += 1;
        table.open += 1;
        let unjoined = Unjoined {
            source: None,
            evicted: evicted.clone(),
        };
        table.unjoined.insert(number, unjoined);
        if !is_trusted_proxy {
            table.attribute(number, Source::of(peer));
        }
        if table.unjoined.len() > table.limits.unjoined
            && let Some(&oldest) = table.unjoined.keys().next()
        {
            table.evict(oldest);
        }
        drop(table);
        Connection {
            entry: Arc::new(Entry {
                table: self.table.clone(),
                number,
                peer,
                evicted,
            }),
        }
    }

    /// Connections open, joined or not.
    pub fn open(&self) -> usize {
        lock(&self.table).open
    }

    /// Connections given up so far because newer ones came.
    pub fn evictions(&self) -> u64 {
        lock(&self.table).evictions
    }
}

impl Connection {
    /// The other end of the connection itself.
    pub fn peer(&self) -> IpAddr {
        self.entry.peer
    }

    /// Counts the connection for a client behind a proxy from now on.
    pub fn attribute(&self, client: IpAddr) {
        lock(&self.entry.table).attribute(self.entry.number, Source::of(client));
    }

    /// Waits until the connection must make way for a newer one. Whoever
    /// serves it then drops it.
    pub async fn evicted(&self) {
        let mut evicted = self.entry.evicted.subscribe();
        // The sender lives as long as `self`.
        let _ = evicted.wait_for(|evicted| *evicted).await;
    }

    /// Somebody has joined on it: it makes way for nobody any more.
    pub fn joined(&self) {
        lock(&self.entry.table).forget(self.entry.number);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        table.forget(self.number);
        table.open -= 1;
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Table {
    fn attribute(&mut self, number: u64, source: Source) {
        let Some(unjoined) = self.unjoined.get_mut(&number) else {
            return;
        };
        let before = unjoined.source.replace(source);
        if before == Some(source) {
            return;
        }
        if let Some(before) = before {
            self.detach(number, before);
        }
        let numbers = self.by_source.entry(source).or_default();
        numbers.insert(number);
        if numbers.len() > self.limits.unjoined_per_source
            && let Some(&oldest) = numbers.first()
        {
            self.evict(oldest);
        }
    }

    fn evict(&mut self, number: u64) {
        if let Some(unjoined) = self.forget(number) {
            self.evictions += 1;
            unjoined.evicted.send_replace(true);
        }
    }

    fn forget(&mut self, number: u64) -> Option<Unjoined> {
        let unjoined = self.unjoined.remove(&number)?;
        if let Some(source) = unjoined.source {
            self.detach(number, source);
        }
        Some(unjoined)
    }

    fn detach(&mut self, number: u64, source: Source) {
        if let Some(numbers) = self.by_source.get_mut(&source) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_source.remove(&source);
            }
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_too_many_of_a_source_costs_its_oldest() {
        let connections = limited(10, 2);
        let other = connections.admit(ip(2), false);
        let [first, second, third] = [1, 1, 1].map(|source| connections.admit(ip(source), false));

        assert!(is_evicted(&first));
        for kept in [&second, &third, &other] {
            assert!(!is_evicted(kept));
        }
        assert_eq!(connections.evictions(), 1);
    }

    #[test]
    fn one_too_many_of_all_costs_the_oldest_of_all() {
        let connections = limited(3, 2);
        let [first, second, third, fourth] =
            [1, 2, 3, 4].map(|source| connections.admit(ip(source), false));

        assert!(is_evicted(&first));
        for kept in [&second, &third, &fourth] {
            assert!(!is_evicted(kept));
        }
    }

    #[test]
    fn who_has_joined_makes_way_for_nobody() {
        let connections = limited(2, 2);
        let joined = connections.admit(ip(1), false);
        joined.joined();

        let crowd: Vec<_> = (0..50).map(|_| connections.admit(ip(1), false)).collect();

        assert!(!is_evicted(&joined));
        assert_eq!(crowd.iter().filter(|one| is_evicted(one)).count(), 48);
    }

    #[test]
    fn behind_a_proxy_clients_are_told_apart() {
        let connections = limited(10, 2);
        let behind_proxy: Vec<_> = (0..6).map(|_| connections.admit(ip(9), true)).collect();
        assert!(!behind_proxy.iter().any(is_evicted));

        for (connection, client) in behind_proxy.iter().zip([1, 1, 2, 2, 3, 1]) {
            connection.attribute(ip(client));
            connection.attribute(ip(client));
        }

        let evicted: Vec<_> = behind_proxy.iter().map(is_evicted).collect();
        assert_eq!(evicted, [true, false, false, false, false, false]);
    }

    #[test]
    fn what_ends_leaves_nothing_behind() {
        let connections = limited(5, 2);
        for round in 0..=250 {
            let connection = connections.admit(ip(round % 7), false);
            let clone = connection.clone();
            drop(connection);
            assert_eq!(connections.open(), 1);
            if round % 2 == 0 {
                clone.joined();
            }
        }

        let table = lock(&connections.table);
        assert_eq!(table.open, 0);
        assert!(table.unjoined.is_empty() && table.by_source.is_empty());
    }

    fn limited(unjoined: usize, unjoined_per_source: usize) -> Connections {
        Connections::new(ConnectionLimits {
            unjoined,
            unjoined_per_source,
        })
    }

    fn is_evicted(connection: &Connection) -> bool {
        *connection.entry.evicted.borrow()
    }

    fn ip(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }
}

//! Datagrams that go to another thread of this process instead of a socket.
//!
//! They are copied once, into memory that the two threads hand back and forth,
//! so that nothing is allocated once it has grown. What does not fit is lost,
//! as in a socket's buffer.

use std::mem;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::udp::Train;
use crate::wake::Waker;

/// What was handed over, in order.
#[derive(Debug, Default)]
pub struct Trains {
    bytes: Vec<u8>,
    heads: Vec<Head>,
}

/// Datagrams between two addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Head {
    local: SocketAddr,
    remote: SocketAddr,
    received: Instant,
    segment_length: usize,
    range: Range<usize>,
}

/// Datagrams from one remote address to a local one, or back.
#[derive(PartialEq, Eq, Debug)]
pub struct HandedOver<'a> {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// When they came to this process, or were written.
    pub received: Instant,
    /// The length of each datagram but the last, which may be shorter.
    pub segment_length: usize,
    pub bytes: &'a mut [u8],
}

/// Hands trains to one thread.
#[derive(Clone, Debug)]
pub struct Sender {
    queue: Arc<Mutex<Trains>>,
    most_bytes: usize,
    waker: Waker,
}

/// The side of the thread that they are handed to.
#[derive(Debug)]
pub struct Receiver {
    queue: Arc<Mutex<Trains>>,
}

/// What one thread hands over at once. When it is dropped, the other thread is
/// woken if it sleeps.
#[derive(Debug)]
pub struct Sending<'a> {
    sender: &'a Sender,
    queue: Option<MutexGuard<'a, Trains>>,
    lost: usize,
    is_patient: bool,
}

/// A way to the thread that `waker` wakes, on which `most_bytes` can wait.
pub fn channel(waker: Waker, most_bytes: usize) -> (Sender, Receiver) {
    let queue = Arc::default();
    let receiver = Receiver {
        queue: Arc::clone(&queue),
    };
    let sender = Sender {
        queue,
        most_bytes,
        waker,
    };
    (sender, receiver)
}

impl Sender {
    /// Begins to hand over. The other side waits meanwhile, so it is to be
    /// short.
    pub fn begin(&self) -> Sending<'_> {
        Sending {
            sender: self,
            queue: Some(self.queue.lock().unwrap_or_else(PoisonError::into_inner)),
            lost: 0,
            is_patient: false,
        }
    }

    /// Wakes the other thread, if it sleeps and anything waits for it.
    pub fn hurry(&self) {
        if self.has_some() {
            self.waker.wake_sleeping();
        }
    }

    /// Whether anything waits for the other thread.
    pub fn has_some(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        !queue.is_empty()
    }
}

impl Sending<'_> {
    /// Adds a train between its `remote` and the `local` address. Empty ones
    /// are not worth the way.
    pub fn push(&mut self, local: SocketAddr, train: Train, received: Instant) {
        let most_bytes = self.sender.most_bytes;
        let Some(queue) = self.queue.as_mut().filter(|_| !train.bytes.is_empty()) else {
            return;
        };
        let start = queue.bytes.len();
        let end = start + train.bytes.len();
        if end > most_bytes || queue.heads.len() >= most_bytes / BYTES_A_TRAIN {
            self.lost += 1;
            return;
        }
        queue.bytes.extend_from_slice(train.bytes);
        queue.heads.push(Head {
            local,
            remote: train.remote,
            received,
            segment_length: train.segment_length,
            range: start..end,
        });
    }

    /// Lets the other thread sleep on: it finds this when it is awake for
    /// something else, or is told by [`Sender::hurry`].
    pub fn be_patient(&mut self) {
        self.is_patient = true;
    }

    /// How many trains were lost, as too much waits.
    pub fn lost(&self) -> usize {
        self.lost
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        // Who is woken must not wait for this.
        let has_work = self.queue.take().is_some_and(|queue| !queue.is_empty());
        if has_work && !self.is_patient {
            self.sender.waker.wake_sleeping();
        }
    }
}

impl Receiver {
    /// Takes all that waits into `trains`, and gives their memory in return.
    pub fn take(&self, trains: &mut Trains) {
        trains.clear();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut *queue, trains);
    }

    /// Whether anything waits.
    pub fn has_some(&self) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        !queue.is_empty()
    }
}

impl Trains {
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.heads.clear();
    }

    /// The trains, whose bytes may be changed in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = HandedOver<'_>> {
        let mut rest = &mut self.bytes[..];
        self.heads.iter().map(move |head| {
            let (bytes, others) = mem::take(&mut rest).split_at_mut(head.range.len());
            rest = others;
            HandedOver {
                local: head.local,
                remote: head.remote,
                received: head.received,
                segment_length: head.segment_length.max(1),
                bytes,
            }
        })
    }
}

/// What a train counts for at least, so that the number of short ones is
/// bounded too.
const BYTES_A_TRAIN: usize = 128;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::udp::Poll;
    use crate::wake::{self, Sleep};

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn train(bytes: &[u8]) -> Train<'_> {
        Train {
            remote: address(2),
            bytes,
            segment_length: 3,
        }
    }

    fn way(most_bytes: usize) -> (Sender, Receiver, Sleep) {
        let (waker, sleep) = wake::pair().expect("descriptors");
        let (sender, receiver) = channel(waker, most_bytes);
        (sender, receiver, sleep)
    }

    #[test]
    fn trains_arrive_in_order_and_memory_is_used_again() {
        let (sender, receiver, _sleep) = way(1 << 20);
        let now = Instant::now();
        let mut trains = Trains::default();
        let mut memory = Vec::new();
        for round in 0..6_u8 {
            let mut sending = sender.begin();
            for number in 0..100 {
                sending.push(address(1), train(&[round, number, 2, 3, 4]), now);
            }
            assert_eq!(sending.lost(), 0);
            drop(sending);

            receiver.take(&mut trains);

            let numbers: Vec<_> = trains
                .iter_mut()
                .map(|of| {
                    assert_eq!((of.local, of.remote), (address(1), address(2)));
                    assert_eq!((of.received, of.segment_length), (now, 3));
                    [of.bytes[0], of.bytes[1], of.bytes[4]]
                })
                .collect();
            let expected: Vec<_> = (0..100).map(|number| [round, number, 4]).collect();
            assert_eq!(numbers, expected);
            memory.push(trains.bytes.as_ptr());
        }
        assert_eq!(memory[2..4], memory[4..]);
        assert!(!receiver.has_some());
    }

    #[test]
    fn what_does_not_fit_is_lost_and_only_that() {
        let (sender, receiver, _sleep) = way(1024);
        let now = Instant::now();
        let mut sending = sender.begin();
        for length in [1000, 25, 24, 1, 0] {
            sending.push(address(1), train(&vec![7; length]), now);
        }
        assert_eq!(sending.lost(), 2);
        drop(sending);
        let mut trains = Trains::default();
        receiver.take(&mut trains);
        let lengths: Vec<_> = trains.iter_mut().map(|of| of.bytes.len()).collect();
        assert_eq!(lengths, [1000, 24]);

        let mut sending = sender.begin();
        for _ in 0..20 {
            sending.push(address(1), train(&[7]), now);
        }
        assert_eq!(
            sending.lost(),
            20 - 1024 / BYTES_A_TRAIN,
            "short ones count"
        );
    }

    #[test]
    fn what_can_wait_wakes_nobody_until_it_is_hurried() {
        let (sender, receiver, sleep) = way(1 << 20);
        let is_woken = || {
            let mut poll = Poll::new(std::iter::once(sleep.as_fd()));
            poll.wait(1, Some(Duration::ZERO)).expect("a descriptor");
            poll.is_ready(0)
        };
        sleep.begin();
        sender.hurry();
        assert!(!is_woken(), "there is nothing");

        let mut sending = sender.begin();
        sending.push(address(1), train(b"there is time"), Instant::now());
        sending.be_patient();
        drop(sending);
        assert!(!is_woken());
        assert!(receiver.has_some());

        sender.hurry();
        assert!(is_woken());
    }

    #[test]
    fn a_sleeping_thread_misses_nothing() {
        const TRAINS: u32 = 20_000;
        let (sender, receiver, sleep) = way(1 << 24);
        let reader = thread::spawn(move || {
            let mut poll = Poll::new(std::iter::once(sleep.as_fd()));
            let mut trains = Trains::default();
            let mut next = 0;
            while next < TRAINS {
                sleep.begin();
                if !receiver.has_some() {
                    let patience = Some(Duration::from_secs(5));
                    poll.wait(1, patience).expect("a descriptor");
                    assert!(poll.is_ready(0), "nobody woke it");
                }
                sleep.end();
                sleep.clear();
                receiver.take(&mut trains);
                for of in trains.iter_mut() {
                    let bytes = of.bytes.try_into().expect("four bytes");
                    assert_eq!(u32::from_be_bytes(bytes), next);
                    next += 1;
                }
            }
        });
        for number in 0..TRAINS {
            let mut sending = sender.begin();
            sending.push(address(1), train(&number.to_be_bytes()), Instant::now());
            assert_eq!(sending.lost(), 0);
            if number % 100 == 0 {
                drop(sending);
                thread::yield_now();
            }
        }
        reader.join().expect("all has come");
    }
}

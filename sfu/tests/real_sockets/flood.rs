//! A stranger who sends as fast as told.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sfu::driver::WorkerHandle;
use sfu::identity::ParticipantId;
use sfu::transport::framing::write_frame;

use crate::peer::Peer;

pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Noise,
    /// Well-made checks of nobody that the worker knows.
    Checks,
    Hellos,
    Media,
    /// All of these in turn.
    Mixed,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Noise,
        Self::Checks,
        Self::Hellos,
        Self::Media,
        Self::Mixed,
    ];

    fn datagrams(self) -> Vec<Vec<u8>> {
        let mut stranger = Peer::new(
            Instant::now(),
            ParticipantId(666),
            SocketAddr::from(([127, 0, 0, 1], 1)),
        );
        match self {
            Self::Noise => vec![vec![0xFF; 60]],
            Self::Checks => vec![stranger.check()],
            Self::Hellos => vec![[&[22, 254, 253][..], &[0; 200]].concat()],
            Self::Media => vec![[&[0x80, 96][..], &[7; 200]].concat()],
            Self::Mixed => [Self::Noise, Self::Checks, Self::Hellos, Self::Media]
                .into_iter()
                .flat_map(Self::datagrams)
                .collect(),
        }
    }
}

impl Flood {
    pub fn start(to: SocketAddr, a_second: u64) -> Self {
        Self::of(Kind::Mixed, to, a_second)
    }

    pub fn of(kind: Kind, to: SocketAddr, a_second: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let thread = std::thread::spawn({
            let (stop, sent) = (stop.clone(), sent.clone());
            move || {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                socket.connect(to).expect("loopback");
                let datagrams = kind.datagrams();
                let start = Instant::now();
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let due = (start.elapsed().as_secs_f64() * a_second as f64) as u64;
                    if count >= due {
                        std::thread::sleep(Duration::from_micros(100));
                    }
                    while count < due {
                        let datagram = &datagrams[count as usize % datagrams.len()];
                        let _ = socket.send(datagram);
                        count += 1;
                    }
                    sent.store(count, Ordering::Relaxed);
                }
            }
        });
        Self { stop, sent, thread }
    }

    /// Ends it, and tells how many datagrams were sent.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
        self.sent.load(Ordering::Relaxed)
    }
}

/// A stranger who makes connections, all of which begin with the same bytes.
pub struct ConnectionFlood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl ConnectionFlood {
    /// Has them handed to `worker`, as by whoever accepts them.
    pub fn start(worker: &Arc<WorkerHandle>, check: &[u8], a_second: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut first = Vec::new();
        write_frame(check, &mut first);
        let thread = std::thread::spawn({
            let (stop, worker) = (stop.clone(), worker.clone());
            move || {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
                let address = listener.local_addr().expect("an address");
                let start = Instant::now();
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let due = (start.elapsed().as_secs_f64() * a_second as f64) as u64;
                    if count >= due {
                        std::thread::sleep(Duration::from_micros(100));
                        continue;
                    }
                    let _client = TcpStream::connect(address).expect("it listens");
                    let (accepted, _) = listener.accept().expect("it is connected");
                    worker.accept(accepted, first.clone());
                    count += 1;
                }
                count
            }
        });
        Self { stop, thread }
    }

    /// Ends it, and tells how many connections there were.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

//! A worker on a thread of its own, as the real driver has it, but with the
//! wire between it and its socket.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use sfu::rtcp::WallClock;
use sfu::transport::{DtlsConfig, Path};
use sfu::worker::Worker;
use sfu::worker::batch::TransmitBatch;
use sfu::worker::command::{Command, WorkerAddress};
use sfu::worker::event::Event;
use tokio::sync::mpsc::UnboundedSender;

use crate::recording::Recording;
use crate::wire::Wire;

/// The way to a running worker.
pub(crate) struct WorkerThread {
    address: WorkerAddress,
    orders: Sender<Order>,
}

/// What is to be done on the worker's thread.
pub(crate) enum Order {
    Command(Command),
    Meddle(Box<dyn FnOnce(&mut Wire) + Send>),
}

impl WorkerThread {
    pub(crate) fn start(
        recording: Recording,
        events: UnboundedSender<Event>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let certificate = dtls::certificate::generate_self_signed_certificate()?;
        let dtls = DtlsConfig::new(certificate)?;
        let address = WorkerAddress {
            candidates: vec![socket.local_addr()?],
            tcp_candidates: Vec::new(),
            ufrag_prefix: String::new(),
            fingerprint: dtls.fingerprint(),
        };
        let (orders, inbox) = mpsc::channel();
        thread::spawn(move || run(&socket, dtls, recording, &inbox, &events));
        Ok(Self { address, orders })
    }

    pub(crate) fn address(&self) -> &WorkerAddress {
        &self.address
    }

    pub(crate) fn order(&self, order: Order) {
        // The thread ends only with the process.
        let _ = self.orders.send(order);
    }

    /// Lets `meddle` work on the wire, and gives what comes of it.
    pub(crate) fn meddle<T: Send + 'static>(
        &self,
        meddle: impl FnOnce(&mut Wire) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = mpsc::channel();
        self.order(Order::Meddle(Box::new(move |wire| {
            let _ = answer.send(meddle(wire));
        })));
        answered.recv().expect("the worker's thread runs")
    }
}

fn run(
    socket: &UdpSocket,
    dtls: DtlsConfig,
    recording: Recording,
    inbox: &Receiver<Order>,
    events: &UnboundedSender<Event>,
) {
    let local = socket.local_addr().expect("it is bound");
    let start = Instant::now();
    let mut worker = Worker::new(start, dtls, WallClock::new(start, 0));
    let mut wire = Wire::new(recording);
    let mut batch = TransmitBatch::new();
    let mut datagram = [0; 2048];
    loop {
        match socket.recv_from(&mut datagram) {
            Ok((length, remote)) => {
                let path = Path::udp(local, remote);
                wire.listen(&worker, path, &datagram[..length]);
                worker.handle_datagram(Instant::now(), path, &mut datagram[..length]);
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => panic!("the media socket failed: {error}"),
        }
        for order in inbox.try_iter() {
            match order {
                Order::Command(command) => {
                    if let Command::Negotiate { participant, media } = &command {
                        wire.handle_negotiation(*participant, &media.slots);
                    }
                    worker.handle_command(Instant::now(), command);
                }
                Order::Meddle(meddle) => meddle(&mut wire),
            }
        }
        worker.handle_timeout(Instant::now());
        loop {
            batch.clear();
            worker.poll_transmit(Instant::now(), &mut batch);
            if batch.is_empty() {
                break;
            }
            for (path, datagram) in batch.datagrams() {
                wire.carry(&worker, path, datagram);
            }
        }
        for (remote, datagram) in wire.drain() {
            // What the network does not take is lost, as in the network.
            let _ = socket.send_to(&datagram, remote);
        }
        while let Some(event) = worker.poll_event() {
            let _ = events.send(event);
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// How long orders and timers wait for a datagram at the most.
const PATIENCE: Duration = Duration::from_millis(5);

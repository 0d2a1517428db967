//! The relay: UDP and TCP on one address of this machine, passed on to
//! another over a link of a given quality.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::impairment::{Direction, Quality};

/// A bound relay.
#[derive(Debug)]
pub struct Relay {
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
    to: SocketAddr,
    quality: Quality,
    seed: u64,
}

impl Relay {
    /// Takes the same port of `listen` for UDP and TCP.
    ///
    /// # Errors
    /// The port is not free, or `to` is not an address of this machine: the
    /// relay carries tests, not attacks.
    pub async fn bind(
        listen: SocketAddr,
        to: SocketAddr,
        quality: Quality,
        seed: u64,
    ) -> io::Result<Self> {
        if UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await.is_err() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not an address of this machine", to.ip()),
            ));
        }
        let tcp = TcpListener::bind(listen).await?;
        let udp = UdpSocket::bind(tcp.local_addr()?).await?;
        Ok(Self {
            udp: Arc::new(udp),
            tcp,
            to,
            quality,
            seed,
        })
    }

    /// # Errors
    /// The socket is broken.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Relays until dropped.
    ///
    /// # Errors
    /// A socket is broken.
    pub async fn run(self) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        let mut clients: HashMap<SocketAddr, UnboundedSender<Vec<u8>>> = HashMap::new();
        let mut seed = self.seed;
        let mut buffer = vec![0; DATAGRAM];
        loop {
            tokio::select! {
                received = self.udp.recv_from(&mut buffer) => {
                    // A client that is gone is told of by an error.
                    let Ok((length, client)) = received else { continue };
                    let datagram = buffer[..length].to_vec();
                    let known = clients.get(&client);
                    if known.is_none_or(|known| known.send(datagram.clone()).is_err()) {
                        let upstream = Arc::new(udp_toward(self.to).await?);
                        seed += 2;
                        let there = carry(&mut tasks, self.quality, seed, Arc::clone(&upstream), None);
                        let back = carry(
                            &mut tasks,
                            self.quality,
                            seed + 1,
                            Arc::clone(&self.udp),
                            Some(client),
                        );
                        tasks.spawn(read_datagrams(upstream, back));
                        let _ = there.send(datagram);
                        clients.insert(client, there);
                    }
                }
                accepted = self.tcp.accept() => {
                    if let Ok((client, _)) = accepted {
                        seed += 2;
                        tasks.spawn(relay_stream(client, self.to, self.quality, seed));
                    }
                }
            }
        }
    }
}

/// A task that delivers what it is given, when and if the link does.
fn carry(
    tasks: &mut JoinSet<()>,
    quality: Quality,
    seed: u64,
    socket: Arc<UdpSocket>,
    to: Option<SocketAddr>,
) -> UnboundedSender<Vec<u8>> {
    let (sender, mut received) = unbounded_channel::<(Instant, Vec<u8>)>();
    let (entrance, mut entered) = unbounded_channel::<Vec<u8>>();
    let mut direction = Direction::new(quality, seed);
    tasks.spawn(async move {
        let start = Instant::now();
        while let Some(datagram) = entered.recv().await {
            if let Some(at) = direction.admit(start.elapsed(), datagram.len())
                && sender.send((start + at, datagram)).is_err()
            {
                return;
            }
        }
    });
    tasks.spawn(async move {
        while let Some((at, datagram)) = received.recv().await {
            sleep_until(at).await;
            // What cannot be delivered is lost, as on any network.
            let _ = match to {
                Some(to) => socket.send_to(&datagram, to).await,
                None => socket.send(&datagram).await,
            };
        }
    });
    entrance
}

async fn read_datagrams(socket: Arc<UdpSocket>, to: UnboundedSender<Vec<u8>>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(length) => {
                if to.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
            // Nobody listens there now; somebody may later.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => return,
        }
    }
}

async fn udp_toward(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}

async fn relay_stream(client: TcpStream, to: SocketAddr, quality: Quality, seed: u64) {
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, Direction::new(quality, seed));
    let back = pump(from_server, to_client, Direction::new(quality, seed + 1));
    tokio::join!(there, back);
}

/// Passes bytes on in parts as long as a packet's, each when the link has
/// delivered it.
async fn pump<R, W>(mut from: R, mut to: W, mut direction: Direction)
where
    R: AsyncReadExt + Unpin + Send + 'static,
    W: AsyncWriteExt + Unpin,
{
    // Bounded, so that a slow link slows its sender.
    let (sender, mut received) = tokio::sync::mpsc::channel::<(Instant, Vec<u8>)>(PARTS);
    let reading = async move {
        let start = Instant::now();
        let mut part = vec![0; PART];
        while let Ok(length @ 1..) = from.read(&mut part).await {
            let at = start + direction.admit_reliably(start.elapsed(), length);
            if sender.send((at, part[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at, part)) = received.recv().await {
            sleep_until(at).await;
            if to.write_all(&part).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

const DATAGRAM: usize = 65_536;
const PART: usize = 1400;
const PARTS: usize = 256;

/// The longest that a relay may serve.
pub const LONGEST: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const QUALITY: Quality = Quality {
        loss: 0.0,
        burst: 1.0,
        delay: Duration::from_millis(30),
        jitter: Duration::ZERO,
        rate: None,
        queue: Duration::from_millis(200),
    };

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn any() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    #[test]
    fn datagrams_go_both_ways_and_take_their_time() {
        run(async {
            let server = UdpSocket::bind(any()).await.unwrap();
            let to = server.local_addr().unwrap();
            let relay = Relay::bind(any(), to, QUALITY, 1).await.unwrap();
            let client = UdpSocket::bind(any()).await.unwrap();
            client.connect(relay.address().unwrap()).await.unwrap();
            let relaying = tokio::spawn(relay.run());
            let start = Instant::now();
            let mut buffer = [0; 10];

            client.send(b"there").await.unwrap();
            let (length, from) = server.recv_from(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..length], b"there");
            server.send_to(b"back", from).await.unwrap();
            let length = client.recv(&mut buffer).await.unwrap();

            assert_eq!(&buffer[..length], b"back");
            assert!(start.elapsed() >= Duration::from_millis(60));
            relaying.abort();
        });
    }

    #[test]
    fn streams_arrive_whole_over_a_link_that_loses() {
        run(async {
            let server = TcpListener::bind(any()).await.unwrap();
            let to = server.local_addr().unwrap();
            let quality = Quality {
                loss: 0.02,
                delay: Duration::from_millis(1),
                ..QUALITY
            };
            let relay = Relay::bind(any(), to, quality, 1).await.unwrap();
            let address = relay.address().unwrap();
            let relaying = tokio::spawn(relay.run());
            let sent: Vec<u8> = (0..50_000_u32).map(|number| number as u8).collect();

            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            let (mut stream, _) = server.accept().await.unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).await.unwrap();

            assert_eq!(received, sent);
            relaying.abort();
        });
    }

    #[test]
    fn addresses_of_other_machines_are_refused() {
        run(async {
            let elsewhere = "192.0.2.1:9".parse().unwrap();
            assert!(Relay::bind(any(), elsewhere, QUALITY, 1).await.is_err());
        });
    }
}

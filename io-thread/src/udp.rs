//! The system calls: UDP in batches, with segmentation by the kernel in both
//! directions (GSO and GRO).

#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

use std::cell::Cell;
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use crate::messages::{MAX_TRAINS, ReceiveBatch, SendMessages};

/// Datagrams to one destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Train<'a> {
    pub remote: SocketAddr,
    /// One after the other; none is one empty datagram.
    pub bytes: &'a [u8],
    /// The length of each datagram but the last, which may be shorter.
    pub segment_length: usize,
}

/// How media comes to a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carried {
    /// A packet is a datagram.
    Bare,
    /// On a TURN channel, behind four bytes (RFC 8656 §12.4).
    OnChannels,
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
    buffer: u32,
    /// Cleared when the network card turns out not to take trains.
    can_segment: Cell<bool>,
    /// What the network says of one datagram fails another call.
    reports_errors: Cell<bool>,
}

impl Socket {
    /// A socket at an address that is no wildcard, since answers must leave
    /// from where requests came to. Its buffers hold `buffer` bytes, if the
    /// system allows it.
    pub fn bind(address: SocketAddr, buffer: u32) -> io::Result<Self> {
        let socket = new_socket(address, buffer)?;
        socket.bind(&address.into())?;
        let local = socket
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            inner: socket,
            local,
            buffer,
            can_segment: Cell::new(true),
            reports_errors: Cell::new(false),
        })
    }

    /// The address, with the port that the system chose if it had to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Another socket at the same address, to which the kernel hands
    /// transport-wide feedback and what comes with the regular reports: who
    /// waits for this socket is not woken by them. Requests that are sent as
    /// they arise (RFC 5506) come to this one.
    ///
    /// # Errors
    /// The kernel cannot tell them apart. All then come to this socket.
    pub fn split_feedback(&self, carried: Carried) -> io::Result<Self> {
        // Only now, so that no other server could take our address as its own.
        let share = |socket| set_option(socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1);
        share(&self.inner)?;
        let inner = new_socket(self.local, self.buffer)?;
        share(&inner)?;
        inner.bind(&self.local.into())?;
        attach_steering(&inner, carried)?;
        Ok(Self {
            inner,
            local: self.local,
            buffer: self.buffer,
            can_segment: Cell::new(true),
            reports_errors: Cell::new(false),
        })
    }

    /// Has the kernel keep the errors that come back for what is sent, until
    /// [`crate::icmp::receive_error`] takes them.
    ///
    /// # Errors
    /// The kernel cannot.
    pub fn report_errors(&self) -> io::Result<()> {
        let (level, name) = if self.local.is_ipv6() {
            (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        } else {
            (libc::IPPROTO_IP, libc::IP_RECVERR)
        };
        set_option(&self.inner, level, name, 1)?;
        self.reports_errors.set(true);
        Ok(())
    }

    /// Has the kernel tell no times any more, which nobody looks at.
    pub fn tell_no_times(&self) {
        let _ = set_option(&self.inner, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 0);
    }

    /// Fills `batch` with what has come, without waiting. Gives how many
    /// messages, each of one or more datagrams from one sender.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        self.despite_others(|| self.receive_some(batch))
    }

    /// Makes a call again that has failed, if it may be by what the network says
    /// of a datagram from before, which is told once.
    fn despite_others<T>(&self, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        match call() {
            Err(error)
                if self.reports_errors.get() && error.kind() != io::ErrorKind::WouldBlock =>
            {
                call()
            }
            result => result,
        }
    }

    fn receive_some(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        let headers = batch.prepare();
        // SAFETY: the headers point at memory of `batch`, which is borrowed
        // for the call.
        let count = unsafe {
            libc::recvmmsg(
                self.inner.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).or_else(|_| {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::WouldBlock {
                Ok(0)
            } else {
                Err(error)
            }
        })
    }

    /// Sends trains in their order. What the network does not take is lost, as
    /// in the network.
    pub fn send<'a>(
        &self,
        trains: impl IntoIterator<Item = Train<'a>>,
        messages: &mut SendMessages,
    ) {
        let mut trains = trains.into_iter();
        let mut run = [NO_TRAIN; MAX_TRAINS];
        loop {
            let mut count = 0;
            for (place, train) in run.iter_mut().zip(&mut trains) {
                *place = train;
                count += 1;
            }
            if count == 0 {
                return;
            }
            self.send_run(&run[..count], messages);
        }
    }

    fn send_run(&self, trains: &[Train], messages: &mut SendMessages) {
        let mut rest = trains;
        while !rest.is_empty() {
            if !self.can_segment.get() {
                self.send_singly(rest);
                return;
            }
            match self.despite_others(|| self.send_some(messages.prepare(rest))) {
                Ok(count) => rest = &rest[count.max(1)..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::EIO) => {
                    tracing::warn!("the network takes no segmented datagrams; sending singly");
                    self.can_segment.set(false);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.wait_writable() {
                        return;
                    }
                }
                Err(error) => {
                    // One publisher's datagram beyond the path's MTU must not
                    // cost the others in its train.
                    if matches!(error.raw_os_error(), Some(libc::EMSGSIZE | libc::EINVAL)) {
                        self.send_singly(&rest[..1]);
                    }
                    // This train cannot be sent; the others may.
                    rest = &rest[1..];
                }
            }
        }
    }

    fn send_some(&self, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
        // SAFETY: whatever the headers point to outlives the call, and the
        // kernel does not write to it.
        let count = unsafe {
            libc::sendmmsg(
                self.inner.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn send_singly(&self, trains: &[Train]) {
        for train in trains {
            let address = train.remote.into();
            let send = |datagram: &[u8]| {
                let _ = self.despite_others(|| self.inner.send_to(datagram, &address));
            };
            if train.bytes.is_empty() {
                send(&[]);
            }
            for datagram in train.bytes.chunks(train.segment_length.max(1)) {
                send(datagram);
            }
        }
    }

    /// Gives the kernel a moment to drain a full send buffer. An error that
    /// waits to be taken ends the wait, and says nothing of room.
    fn wait_writable(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.inner.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one valid descriptor entry is passed with its count.
        let count = unsafe { libc::poll(&raw mut poll, 1, SEND_PATIENCE_MS) };
        count == 1 && poll.revents & libc::POLLOUT != 0
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// Descriptors to be read, and which of them can be.
#[derive(Debug)]
pub struct Poll(Vec<libc::pollfd>);

impl Poll {
    /// Polls `descriptors`, which must stay open as long as it is used.
    pub fn new<'a>(descriptors: impl Iterator<Item = BorrowedFd<'a>>) -> Self {
        Self(
            descriptors
                .map(|descriptor| libc::pollfd {
                    fd: descriptor.as_raw_fd(),
                    events: libc::POLLIN,
                    revents: 0,
                })
                .collect(),
        )
    }

    /// Waits until one of the first `count` descriptors can be read, or
    /// `timeout` is over. Of the others nothing is then known.
    pub fn wait(&mut self, count: usize, timeout: Option<Duration>) -> io::Result<()> {
        let count = count.min(self.0.len());
        for entry in &mut self.0[count..] {
            entry.revents = 0;
        }
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().cast_signed(),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let pointer = timeout
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the list and the timeout outlive the call, and the list has
        // as many entries.
        let result = unsafe {
            libc::ppoll(
                self.0.as_mut_ptr(),
                count as libc::nfds_t,
                pointer,
                std::ptr::null(),
            )
        };
        if result >= 0 {
            return Ok(());
        }
        for entry in &mut self.0 {
            entry.revents = 0;
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted {
            return Ok(());
        }
        Err(error)
    }

    /// Whether the descriptor at `index` can be read, or has failed, by the
    /// last [`Poll::wait`].
    pub fn is_ready(&self, index: usize) -> bool {
        self.0[index].revents != 0
    }
}

/// A socket for `address`, not bound yet.
fn new_socket(address: SocketAddr, buffer: u32) -> io::Result<socket2::Socket> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    grow_buffers(&socket, buffer);
    // Without it datagrams come one by one, which is slower, not wrong.
    let _ = set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    // Without it datagrams count as come when they are read, and what they
    // show of the path to here depends on how busy this thread is.
    let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
    Ok(socket)
}

/// Has the kernel choose between the two sockets of an address, in the order
/// they were bound, by what SRTCP leaves in the clear: the second takes RTCP
/// (RFC 3550 §6.4) that begins with a report, or is of type 205 and format 15.
fn attach_steering(socket: &socket2::Socket, carried: Carried) -> io::Result<()> {
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load_byte = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
    let is_equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let mask = |bits| step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, bits);
    let (mut program, start) = match carried {
        Carried::Bare => (Vec::new(), 0),
        Carried::OnChannels => {
            let is_channel = step(is_equal, 0, 8, CHANNEL);
            (vec![step(load_byte, 0, 0, 0), mask(!0xF), is_channel], 4)
        }
    };
    program.extend([
        step(load_byte, 0, 0, start + 1),
        step(is_equal, 5, 0, SENDER_REPORT),
        step(is_equal, 4, 0, RECEIVER_REPORT),
        step(is_equal, 0, 4, TRANSPORT_FEEDBACK),
        step(load_byte, 0, 0, start),
        mask(!PADDING_BIT),
        step(is_equal, 0, 1, VERSION_2 | TRANSPORT_WIDE),
        step(answer, 0, 0, 1),
        step(answer, 0, 0, 0),
    ]);
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program outlives the call, which copies it, and is passed
    // with its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            mem::size_of_val(&program) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Asks for buffers that hold a burst; without the privilege, the system's
/// limit is what we get.
fn grow_buffers(socket: &socket2::Socket, bytes: u32) {
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    if set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_err() {
        let _ = socket.set_recv_buffer_size(bytes as usize);
    }
    if set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, wanted).is_err() {
        let _ = socket.set_send_buffer_size(bytes as usize);
    }
}

fn set_option(
    socket: &socket2::Socket,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option's value is an `int`, passed with its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The first four bits of data on a channel.
const CHANNEL: u32 = 0x40;
/// In the first bytes of an RTCP packet.
const VERSION_2: u32 = 0x80;
const PADDING_BIT: u32 = 0x20;
const SENDER_REPORT: u32 = 200;
const RECEIVER_REPORT: u32 = 201;
const TRANSPORT_FEEDBACK: u32 = 205;
const TRANSPORT_WIDE: u32 = 15;
const SEND_PATIENCE_MS: libc::c_int = 2;
const NO_TRAIN: Train = Train {
    remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
    bytes: &[],
    segment_length: 0,
};

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::*;

    fn pair(ip: &str) -> (Socket, Socket) {
        let address = SocketAddr::new(ip.parse().expect("an address"), 0);
        [(); 2]
            .map(|()| Socket::bind(address, 1 << 20).expect("the loopback"))
            .into()
    }

    /// Sends one train with a datagram of each length, all but the last alike.
    fn send(from: &Socket, to: &Socket, lengths: &[usize]) {
        let datagrams = (0_u8..).zip(lengths);
        let bytes: Vec<_> = datagrams
            .flat_map(|(index, &length)| vec![index; length])
            .collect();
        let train = Train {
            remote: to.local(),
            bytes: &bytes,
            segment_length: lengths[0],
        };
        from.send([train], &mut SendMessages::default());
    }

    fn received(socket: &Socket, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut batch = ReceiveBatch::default();
        let mut datagrams = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(5);
        while datagrams.len() < count && Instant::now() < deadline {
            let limit = Some(Duration::from_millis(100));
            let mut poll = Poll::new(std::iter::once(socket.as_fd()));
            poll.wait(1, limit).expect("a descriptor");
            for at in 0..socket.receive(&mut batch).expect("datagrams") {
                let message = batch.message(at).expect("a whole message");
                let from = message.remote;
                if message.bytes.is_empty() {
                    datagrams.push((from, Vec::new()));
                }
                datagrams.extend(message.datagrams().map(|bytes| (from, bytes.to_vec())));
            }
        }
        datagrams
    }

    #[test]
    fn a_train_arrives_as_its_datagrams_over_both_families() {
        for ip in ["127.0.0.1", "::1"] {
            let (from, to) = pair(ip);
            for lengths in [&[999, 999, 999, 1][..], &[1200; 32], &[7], &[1, 1, 1], &[0]] {
                send(&from, &to, lengths);

                let datagrams = received(&to, lengths.len());
                let expected: Vec<_> = (0..)
                    .zip(lengths)
                    .map(|(index, &length)| (from.local(), vec![index; length]))
                    .collect();
                assert_eq!(datagrams, expected, "{ip}");
            }
        }
    }

    #[test]
    fn datagrams_that_wait_keep_the_time_at_which_they_came() {
        for ip in ["127.0.0.1", "::1"] {
            let (from, to) = pair(ip);
            // Trains too: they have a control message more.
            for lengths in [&[100][..], &[1000, 1000, 10]] {
                // The kernel begins to note times somewhat after it was asked.
                let waited = (0..100).any(|_| {
                    send(&from, &to, lengths);
                    std::thread::sleep(Duration::from_millis(20));
                    let mut batch = ReceiveBatch::default();
                    let read = SystemTime::now().duration_since(UNIX_EPOCH);
                    let count = to.receive(&mut batch).expect("datagrams");
                    assert_eq!(count, 1, "{ip}");
                    let message = batch.message(0).expect("a whole message");
                    let received = message.received.expect("a time");
                    let waited = read.expect("after 1970").saturating_sub(received);
                    waited >= Duration::from_millis(20)
                });
                assert!(waited, "{lengths:?} from {ip}");
            }
        }
    }

    #[test]
    fn feedback_and_reports_come_to_the_socket_beside_and_all_else_does_not() {
        let feedback = [
            &[0x8F, 205, 0, 5][..],
            &[0xAF, 205, 0, 5],
            &[0x80, 200, 0, 6],
            &[0x81, 201, 0, 7],
        ];
        let others = [
            // Media, other RTCP, a check, a handshake, and too little.
            &[0x80, 96, 0, 5][..],
            &[0x8F, 206, 0, 5],
            &[0x81, 205, 0, 3],
            &[0, 1, 0, 0],
            &[22, 254, 253, 0],
            &[0x8F],
            &[205],
        ];
        let on_channel = |of: &&[u8]| [&[0x4F, 0x12, 0, of.len() as u8], *of].concat();
        let bare = |of: &&[u8]| of.to_vec();
        for ip in ["127.0.0.1", "::1"] {
            let feedback = feedback.iter();
            let others = others.iter();
            let as_they_are = (
                Carried::Bare,
                feedback.clone().map(bare).collect::<Vec<_>>(),
                others.clone().map(bare).collect::<Vec<_>>(),
            );
            // Without a channel's number before it, nothing is feedback.
            let all_bare = feedback.clone().map(bare);
            let behind_numbers = (
                Carried::OnChannels,
                feedback.clone().map(on_channel).collect(),
                others.map(on_channel).chain(all_bare).collect(),
            );
            for (carried, feedback, others) in [as_they_are, behind_numbers] {
                let (from, to) = pair(ip);
                let beside = to.split_feedback(carried).expect("a kernel that can");
                for datagram in feedback.iter().chain(&others) {
                    let sent = from.inner.send_to(datagram, &to.local().into());
                    assert_eq!(sent.expect("the loopback"), datagram.len());
                }

                let bytes = |socket, count| -> Vec<_> {
                    let datagrams = received(socket, count).into_iter();
                    datagrams.map(|(_, bytes)| bytes).collect()
                };
                assert_eq!(bytes(&beside, feedback.len()), feedback, "{ip}");
                assert_eq!(bytes(&to, others.len()), others, "{ip}");
            }
        }
    }

    #[test]
    fn no_other_server_can_take_an_address_that_is_shared_with_feedback() {
        let (one, _) = pair("127.0.0.1");
        let _beside = one
            .split_feedback(Carried::Bare)
            .expect("a kernel that can");

        let other = Socket::bind(one.local(), 1 << 20).map(|_| ());

        let kind = other.expect_err("the address is in use").kind();
        assert_eq!(kind, io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_train_that_the_network_does_not_take_whole_goes_singly() {
        let (from, to) = pair("127.0.0.1");
        // More than the system makes of one call.
        let lengths = [10; 250];

        send(&from, &to, &lengths);

        assert_eq!(received(&to, lengths.len()).len(), lengths.len());
        assert!(from.can_segment.get(), "others may go as trains still");
    }

    #[test]
    fn where_there_are_no_trains_all_goes_singly() {
        let (from, to) = pair("127.0.0.1");
        from.can_segment.set(false);

        send(&from, &to, &[999, 999, 1]);

        let lengths: Vec<_> = received(&to, 3).iter().map(|(_, of)| of.len()).collect();
        assert_eq!(lengths, [999, 999, 1]);
    }

    fn closed_port() -> SocketAddr {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("the loopback");
        socket.local_addr().expect("bound")
    }

    #[test]
    fn an_error_about_one_costs_the_next_nothing_where_all_goes_singly() {
        let (from, to) = pair("127.0.0.1");
        from.report_errors().expect("a kernel that can");
        from.can_segment.set(false);
        let closed = Train {
            remote: closed_port(),
            bytes: b"hello",
            segment_length: 5,
        };
        for _ in 0..5 {
            // The error is there before the call returns, on the loopback.
            from.send([closed], &mut SendMessages::default());
            send(&from, &to, &[7]);
            assert_eq!(received(&to, 1).len(), 1);
        }
    }

    #[test]
    fn an_error_that_waits_is_not_taken_for_room() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = Socket::bind(address, 4096).expect("the loopback");
        socket.report_errors().expect("a kernel that can");
        assert!(socket.wait_writable());
        let closed = closed_port().into();
        socket.inner.send_to(b"hello", &closed).expect("it leaves");
        assert!(socket.inner.take_error().expect("an option").is_some());

        // What is collected for one large datagram fills the buffer.
        set_option(&socket.inner, libc::SOL_UDP, libc::UDP_CORK, 1).expect("an option");
        let count = socket.inner.send_to(&[0; 8192], &closed);

        assert_eq!(count.expect("there is room"), 8192);
        assert!(!socket.wait_writable());
    }

    #[test]
    fn many_trains_leave_in_their_order() {
        let (from, to) = pair("127.0.0.1");
        let datagrams: Vec<_> = (0..=3 * MAX_TRAINS)
            .map(|index| (index as u32).to_be_bytes())
            .collect();

        let trains = datagrams.iter().map(|bytes| Train {
            remote: to.local(),
            bytes,
            segment_length: bytes.len(),
        });
        from.send(trains, &mut SendMessages::default());

        let received = received(&to, datagrams.len());
        let received: Vec<_> = received.iter().map(|(_, bytes)| &bytes[..]).collect();
        assert_eq!(received, datagrams);
    }
}

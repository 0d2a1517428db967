//! What the network says of datagrams that did not arrive (ICMP).

#![allow(unsafe_code, reason = "a socket's errors have no safe interface")]

use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use socket2::{SockAddr, SockAddrStorage};

use crate::udp::Socket;

/// An error that came back for what was sent. Whoever knows the addresses can
/// forge one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetworkError {
    /// Whom the datagram was for.
    pub remote: SocketAddr,
    /// The type, of ICMP or `ICMPv6` as the address says.
    pub typ: u8,
    pub code: u8,
    /// What else it says: the next hop's MTU, where it is about that.
    pub information: u32,
}

/// Takes an error that waits at a socket for which [`Socket::report_errors`]
/// was called; `None` if there is none.
pub fn receive_error(socket: &Socket) -> Option<NetworkError> {
    loop {
        // SAFETY: all-zero is a valid message header.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        let mut address = SockAddrStorage::zeroed();
        let mut control = Control([0; CONTROL_BYTES]);
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = mem::size_of::<SockAddrStorage>() as libc::socklen_t;
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = CONTROL_BYTES;
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the header points at memory of this block, with its sizes.
        if unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) } < 0 {
            return None;
        }
        // SAFETY: the storage is plain bytes, and the kernel wrote an address
        // of this length there.
        let address = unsafe { SockAddr::new(address, header.msg_namelen) };
        let told = told(&header);
        let (Some(remote), Some(told)) = (address.as_socket(), told) else {
            continue;
        };
        if matches!(
            told.ee_origin,
            libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6
        ) {
            return Some(NetworkError {
                remote,
                typ: told.ee_type,
                code: told.ee_code,
                information: told.ee_info,
            });
        }
    }
}

fn told(header: &libc::msghdr) -> Option<libc::sock_extended_err> {
    // SAFETY: the kernel filled the control block and set its length; the
    // macros stay within it, and messages of these types hold an error.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            let kind = ((*control).cmsg_level, (*control).cmsg_type);
            if matches!(
                kind,
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            ) {
                let data = libc::CMSG_DATA(control);
                return Some(data.cast::<libc::sock_extended_err>().read_unaligned());
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// At least what the system needs for an error, the address of who reported it,
/// and a time.
const CONTROL_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, UdpSocket};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::messages::{ReceiveBatch, SendMessages};
    use crate::udp::Train;

    fn socket(ip: &str) -> Socket {
        let ip: IpAddr = ip.parse().expect("an address");
        let socket = Socket::bind(SocketAddr::new(ip, 0), 1 << 18).expect("the loopback");
        socket.report_errors().expect("a kernel that can");
        socket
    }

    fn send(from: &Socket, to: SocketAddr) {
        let train = Train {
            remote: to,
            bytes: b"hello",
            segment_length: 5,
        };
        from.send([train], &mut SendMessages::default());
    }

    fn wait_for_error(socket: &Socket) -> NetworkError {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(error) = receive_error(socket) {
                return error;
            }
            assert!(Instant::now() < deadline, "no error has come");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_closed_port_is_reported_with_its_address() {
        for (ip, unreachable) in [("127.0.0.1", (3, 3)), ("::1", (1, 4))] {
            let socket = socket(ip);
            let closed = UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr());
            let closed = closed.expect("the loopback");

            send(&socket, closed);

            let error = wait_for_error(&socket);
            assert_eq!(error.remote, closed);
            assert_eq!((error.typ, error.code), unreachable, "{ip}");
            assert_eq!(receive_error(&socket), None, "it is told once");
        }
    }

    #[test]
    fn an_error_about_one_costs_the_next_nothing() {
        let socket = socket("127.0.0.1");
        let open = UdpSocket::bind(("127.0.0.1", 0)).expect("the loopback");
        let patience = Some(Duration::from_secs(5));
        open.set_read_timeout(patience).expect("it can be");
        let closed = UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let closed = closed.expect("the loopback");
        for _ in 0..20 {
            send(&socket, closed);
            // The error is there before the call returns, on the loopback.
            send(&socket, open.local_addr().expect("bound"));

            let mut memory = [0; 16];
            let length = open.recv(&mut memory).expect("it was not lost");
            assert_eq!(memory[..length], *b"hello");
        }
        let mut batch = ReceiveBatch::default();
        while receive_error(&socket).is_some() {}
        assert_eq!(socket.receive(&mut batch).ok(), Some(0), "all was told");
    }

    #[test]
    fn errors_that_wait_keep_no_data_waiting() {
        let socket = socket("127.0.0.1");
        let other = UdpSocket::bind(("127.0.0.1", 0)).expect("the loopback");
        let closed = UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let closed = closed.expect("the loopback");
        for _ in 0..3 {
            send(&socket, closed);
        }
        // The next one is then the socket's own error.
        assert!(receive_error(&socket).is_some());
        other
            .send_to(b"hello", socket.local())
            .expect("the loopback");

        let received = socket.receive(&mut ReceiveBatch::default());

        assert_eq!(received.ok(), Some(1));
    }
}

//! What the threads of the media plane and of the TURN server share: UDP in
//! batches ([`udp`], [`messages`]), when it came ([`arrival`]), errors that the
//! network reports ([`icmp`]), connections ([`tcp`]),
//! feedback that is in no hurry ([`feedback`]), waiting and being woken ([`wake`]),
//! datagrams that go to another thread instead of a socket ([`hand_over`]),
//! what a thread shows of its work ([`gauge`]), and how much waits for its slow
//! readers ([`dynamic_threshold`]).
//!
//! Only `udp.rs`, `messages.rs`, `icmp.rs` and `tcp.rs` may be unsafe: they make the
//! system calls.

#![allow(
    clippy::cast_possible_truncation,
    reason = "lengths are bounded by what a datagram can be"
)]

pub mod arrival;
pub mod dynamic_threshold;
pub mod feedback;
pub mod gauge;
pub mod hand_over;
pub mod icmp;
pub mod messages;
pub mod tcp;
pub mod udp;
pub mod wake;

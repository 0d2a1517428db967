//! Whole sessions on virtual time: real participants' protocol code on one
//! side, a worker on the other, and a seeded model of a network between.

#![allow(
    clippy::disallowed_methods,
    reason = "the clock is read once, as virtual time's zero"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

mod connection;
mod described;
mod descriptor;
mod distribution;
mod layered;
mod link;
mod peer;
mod repair;
mod session;

mod allocation;
mod churn;
mod congestion;
mod connections;
mod encryption;
mod estimate;
mod forwarding;
mod hostility;
mod ice_restart;
mod lip_sync;
mod loss;
mod lost_sound;
mod redundancy;
mod renegotiation;
mod sequence;
mod simulcast;
mod speech;
mod steps;
mod svc;
mod transport;
mod transport_feedback;
mod unwanted_layers;
mod watching;

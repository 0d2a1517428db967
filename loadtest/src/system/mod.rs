//! System calls: sockets in batches, cores, and a network of our own.

pub mod affinity;
pub mod descriptors;
pub mod namespace;
pub mod segmentation;
pub mod tcp;
pub mod udp;

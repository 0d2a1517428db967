//! What publishers send: frames as an encoder makes them, in packets as a
//! browser makes them, with marks that show receivers what became of them.

pub mod dependency_descriptor;
pub mod frame;
pub mod mark;
pub mod pattern;
pub mod rtp;
pub mod sframe;
pub mod vp8;

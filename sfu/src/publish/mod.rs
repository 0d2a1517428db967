//! Streams as their publishers send them.

mod keyframe;
mod ring;
mod stream;

pub use keyframe::KeyFrameRequests;
pub use ring::{Packet, Ring};
pub use stream::{SenderReportReceived, Stream};

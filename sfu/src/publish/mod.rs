//! Streams as their publishers send them.

mod keyframe;
mod nack;
mod ring;
mod sframe_check;
mod stream;

pub use keyframe::KeyFrameRequests;
pub use nack::{Gap, MissingPackets};
pub use ring::{Packet, Ring};
pub use sframe_check::{ExpectedKeys, FrameCheck};
pub use stream::{SenderReportReceived, Stream};

//! Streams as their publishers send them.

mod bitrate;
mod frame;
mod keyframe;
mod layer_bitrates;
mod nack;
mod ring;
mod sframe_check;
mod stream;

pub use bitrate::StreamBitrate;
pub use frame::{FramePart, PayloadDescription};
pub use keyframe::KeyFrameRequests;
pub use layer_bitrates::Step;
pub use nack::{Gap, MissingPackets, Way};
pub use ring::{Packet, Ring};
pub use sframe_check::{ExpectedFrames, ExpectedKeys, FrameCheck, FrameId};
pub use stream::{Incoming, Rest, SenderReportReceived, Stream, Subscriber};

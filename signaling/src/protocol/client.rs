//! What a participant's client says.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A message from client to server.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum ClientMessage {
    /// Asks to enter the room that the token names. Must come first.
    Join {
        /// A JWT signed by the clinic.
        token: String,
    },
    /// A session description (RFC 8829). The client always offers.
    Offer {
        sdp: String,
        /// The sections the client sends on.
        publications: Vec<PublicationSection>,
        /// The sections the client receives on, in the order of its slots.
        slots: Vec<SlotSections>,
    },
    /// Which devices are on. Both are off until said otherwise.
    Media { microphone: bool, camera: bool },
    /// Ends the stay.
    Leave {},
}

/// A media section the client sends on.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PublicationSection {
    /// The section's `a=mid`.
    pub mid: String,
    pub source: PublicationSource,
}

/// What a publication carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PublicationSource {
    Microphone,
    Camera,
}

/// The two sections of a slot; both get one stream id, so that the browser
/// keeps lips and sound together.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SlotSections {
    /// The audio section's `a=mid`.
    pub audio: String,
    /// The video section's `a=mid`.
    pub video: String,
}

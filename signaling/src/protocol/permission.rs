//! What a participant may do.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One thing that a role allows or does not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Send a microphone's sound.
    Microphone,
    /// Send a camera's picture.
    Camera,
    /// Share a screen and its sound.
    Screen,
    /// Get what others send.
    Receive,
    /// Send messages through the encrypted group: name, text, raised hand.
    Chat,
    /// See who waits; let them in, write to them or turn them away.
    Admit,
    /// Mute others, ask them to speak, and stop their shared screens.
    Mute,
    /// Send somebody away for good.
    Remove,
    /// Let nobody new in.
    Lock,
    /// End the session for all.
    End,
}

impl Permission {
    pub const ALL: [Self; 10] = [
        Self::Microphone,
        Self::Camera,
        Self::Screen,
        Self::Receive,
        Self::Chat,
        Self::Admit,
        Self::Mute,
        Self::Remove,
        Self::Lock,
        Self::End,
    ];
}

//! The numbering of slots.

use sfu::identity::{MediaKind, SlotId};

/// Something of the slots that people are in, and of those for their screens.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SlotsBy<T> {
    pub people: T,
    pub screens: T,
}

/// The media plane's number of one half of a slot. Signaling counts pairs of
/// audio and video, screen slots after all others; the media plane counts media
/// sections.
pub(crate) fn slot_id(pair: u16, kind: MediaKind) -> SlotId {
    match kind {
        MediaKind::Audio => SlotId(pair * 2),
        MediaKind::Video => SlotId(pair * 2 + 1),
    }
}

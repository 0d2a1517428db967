//! The numbering of slots.

use sfu::identity::{MediaKind, SlotId};

/// The media plane's number of one half of a slot. Signaling counts pairs of
/// audio and video; the media plane counts media sections.
pub(crate) fn slot_id(pair: u16, kind: MediaKind) -> SlotId {
    match kind {
        MediaKind::Audio => SlotId(pair * 2),
        MediaKind::Video => SlotId(pair * 2 + 1),
    }
}

//! The messages of the websocket, subprotocol `quietroom.v1`: one JSON object
//! a text frame, told apart by `type`. Unknown fields are ignored, so that
//! versions can differ. The TypeScript types in
//! `web-client/src/signaling/protocol/` are generated from these by
//! `cargo run -p signaling --example generate_types`.

mod client;
mod error;
mod opaque;
mod participant_id;
mod permission;
mod resume;
mod server;
mod typescript;

pub use client::{
    ClientMessage, GroupCommit, GroupReport, JoinProof, ProofKey, PublicationSection,
    PublicationSource, SlotSections, UplinkCapacity, View,
};
pub use error::ErrorCode;
pub use opaque::{NotOpaque, Opaque};
pub use participant_id::parse_participant_id;
pub use permission::Permission;
pub use resume::{ResumeSecret, Resumption};
pub use server::{
    AudioCodec, IceServer, Participant, PauseReason, QualityCause, QualityLevel, Role,
    ServerMessage, SlotAssignment, VideoCodec, WaitingPerson, WaitingReason,
};
pub use typescript::write_typescript;

/// The websocket subprotocol both sides must name.
pub const SUBPROTOCOL: &str = "quietroom.v1";

//! Sign-in, rooms and session descriptions.
//!
//! [`access`], [`sdp`], [`mls`] and [`room`] are pure: no sockets, clocks or threads.
//! [`socket`] joins them to websockets and to the media plane.

pub mod access;
pub mod api;
pub mod audit;
pub mod clinic;
pub mod limits;
mod media_plane;
pub mod mls;
pub mod protocol;
pub mod relays;
pub mod room;
pub mod sdp;
mod slot;
pub mod socket;
pub mod store;

pub use media_plane::MediaPlane;
pub use slot::SlotsBy;

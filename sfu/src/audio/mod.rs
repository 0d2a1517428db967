//! Who speaks, by the audio levels of packets (RFC 6464): frames themselves
//! cannot be heard here.

mod speakers;
mod voice;

pub use speakers::{Candidate, MOST_SPEAKERS, Speakers};
pub use voice::{Heard, Voice};

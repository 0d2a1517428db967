//! What a client and the server have agreed on, where it does not matter how.

use sfu::transport::{Fingerprint, IceCredentials};
use sfu::worker::command::{MediaParameters, TransportParameters};
use signaling::SlotsBy;
use signaling::room::Session;

/// The client sends nothing, and receives in so many slots.
pub fn session(slots: SlotsBy<u16>) -> Session {
    let credentials = IceCredentials {
        ufrag: String::new(),
        password: String::new(),
    };
    Session {
        answer: "v=0".into(),
        transport: TransportParameters {
            local: credentials.clone(),
            remote: credentials,
            remote_fingerprint: Fingerprint([0; 32]),
        },
        restarts_ice: false,
        media: MediaParameters::default(),
        slots,
    }
}

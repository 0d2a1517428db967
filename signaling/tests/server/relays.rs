//! A relay that notes who may use it.

use std::sync::Mutex;

use signaling::access::UnixTime;
use signaling::protocol::IceServer;
use signaling::relays::{Authority, Relays};

/// Says in what it gives out for whom that is.
#[derive(Debug, Default)]
pub struct OneRelay {
    issued: Mutex<Vec<(String, UnixTime)>>,
    ended: Mutex<Vec<(String, UnixTime)>>,
}

impl OneRelay {
    /// Who was given credentials until when, the oldest first.
    pub fn issued(&self) -> Vec<(String, UnixTime)> {
        self.issued.lock().expect("no test panics here").clone()
    }

    /// Who is gone, and until when they would have had credentials.
    pub fn ended(&self) -> Vec<(String, UnixTime)> {
        self.ended.lock().expect("no test panics here").clone()
    }
}

impl Relays for OneRelay {
    fn issue(&self, user: &str, expires: UnixTime, host: Option<&Authority>) -> Vec<IceServer> {
        let mut issued = self.issued.lock().expect("no test panics here");
        issued.push((user.into(), expires));
        vec![IceServer {
            urls: vec![format!("turn:{}", host.map_or("nobody", Authority::host))],
            username: format!("{}:{user}", issued.len()),
            credential: "password".into(),
        }]
    }

    fn end(&self, user: &str, expires: UnixTime) {
        let mut ended = self.ended.lock().expect("no test panics here");
        ended.push((user.into(), expires));
    }
}

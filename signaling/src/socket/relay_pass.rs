//! What a stay gets into relays with, and when it gets another.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};

use crate::access::UnixTime;
use crate::protocol::IceServer;
use crate::relays::{Authority, Relays};
use crate::room::Window;

/// Credentials for relays, of a stay or of a test of the network.
#[derive(Debug)]
pub(super) struct RelayPass {
    /// Of this one alone, so that all credentials can end with it.
    user: String,
    host: Option<Authority>,
    /// When the session is over for all, if the clinic said so.
    session_ends: Option<UnixTime>,
    lifetime: Duration,
    /// When those that were given are half used up; `None`: none were, or the
    /// session will be over before.
    half_used: Option<Instant>,
    /// When the last of those that were given expire.
    expires: Option<UnixTime>,
}

impl RelayPass {
    /// For credentials of `user`, which nobody else is, that are good for
    /// `lifetime`, or until the session's end if that is earlier.
    pub(super) fn new(
        user: String,
        host: Option<Authority>,
        window: Option<Window>,
        lifetime: Duration,
    ) -> Self {
        let session_ends =
            window.map(|window| UnixTime(window.closes.0.saturating_add(window.grace.as_secs())));
        Self {
            user,
            host,
            session_ends,
            lifetime,
            half_used: None,
            expires: None,
        }
    }

    /// The client's newest socket was opened there.
    pub(super) fn set_host(&mut self, host: Option<Authority>) {
        self.host = host;
    }

    /// New credentials.
    pub(super) fn issue(
        &mut self,
        relays: &dyn Relays,
        now: Instant,
        time: UnixTime,
    ) -> Vec<IceServer> {
        self.half_used = None;
        let whole = UnixTime(time.0.saturating_add(self.lifetime.as_secs()));
        let expires = self.session_ends.map_or(whole, |ends| ends.min(whole));
        if expires <= time {
            return Vec::new();
        }
        let servers = relays.issue(&self.user, expires, self.host.as_ref());
        if servers.is_empty() {
            return servers;
        }
        self.expires = Some(expires);
        if expires == whole {
            self.half_used = Some(now + self.lifetime / 2);
        }
        servers
    }

    /// Nobody is to use them any more.
    pub(super) fn end(&self, relays: &dyn Relays) {
        if let Some(expires) = self.expires {
            relays.end(&self.user, expires);
        }
    }

    /// Whether others should be given by now: half of the time of those that
    /// were is over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.half_used.is_some_and(|at| at <= now)
    }

    /// Whether to give others to somebody who may need them at once, on another
    /// network: a quarter of the time is over.
    pub(super) fn is_due_soon(&self, now: Instant) -> bool {
        self.is_due(now + self.lifetime / 4)
    }
}

/// What a client asked for when it opened its socket. What no host is named
/// like is left out.
pub(super) fn requested_host(headers: &HeaderMap) -> Option<Authority> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    if !is_plain || host.len() > LONGEST_HOST {
        return None;
    }
    host.parse()
        .ok()
        .filter(|host: &Authority| !host.host().is_empty())
}

/// A name has 253 characters at the most (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 253 + ":65535".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_due_when_half_their_time_is_over_and_earlier_elsewhere() {
        let (mut pass, now) = (pass(None), Instant::now());
        assert!(!pass.is_due_soon(now + HOUR), "there are none");

        pass.issue(&Fake, now, UnixTime(1_000));

        let (quarter, half) = (HOUR / 4, HOUR / 2);
        assert!(!pass.is_due_soon(now + quarter * 9 / 10));
        assert!(pass.is_due_soon(now + quarter));
        assert!(!pass.is_due(now + half * 9 / 10));
        assert!(pass.is_due(now + half));
        pass.issue(&Fake, now + half, UnixTime(2_800));
        assert!(!pass.is_due(now + half));
    }

    #[test]
    fn credentials_end_with_the_session_and_are_then_not_renewed() {
        let window = Window {
            opens: UnixTime(0),
            closes: UnixTime(2_000),
            grace: Duration::from_mins(5),
        };
        let (mut pass, now) = (pass(Some(window)), Instant::now());

        let issued = pass.issue(&Fake, now, UnixTime(1_000));
        assert_eq!(issued[0].username, "2300:ab");
        assert!(!pass.is_due(now + 2 * HOUR));
        assert_eq!(pass.issue(&Fake, now, UnixTime(2_300)), []);
    }

    #[test]
    fn a_host_is_what_a_url_may_name() {
        for good in [
            "meet.clinic.example",
            "meet.clinic.example:8443",
            "10.9.0.1:80",
            "[fd00::1]:443",
        ] {
            let host = requested_host(&headers(good)).expect(good);
            assert_eq!(host.as_str(), good);
        }
        let endless = "a".repeat(300);
        for bad in ["", "a b", "a/b", "a?b", "u@a", "a\"b", ":443", &endless] {
            assert_eq!(requested_host(&headers(bad)), None, "{bad}");
        }
        assert_eq!(requested_host(&HeaderMap::new()), None);
    }

    fn pass(window: Option<Window>) -> RelayPass {
        RelayPass::new("ab".into(), None, window, HOUR)
    }

    fn headers(host: &str) -> HeaderMap {
        let value = host.parse().expect("it fits a header");
        HeaderMap::from_iter([(header::HOST, value)])
    }

    #[derive(Debug)]
    struct Fake;

    impl Relays for Fake {
        fn issue(&self, user: &str, expires: UnixTime, _: Option<&Authority>) -> Vec<IceServer> {
            vec![IceServer {
                urls: vec!["turn:relay.example".into()],
                username: format!("{}:{user}", expires.0),
                credential: "secret".into(),
            }]
        }

        fn end(&self, _: &str, _: UnixTime) {}
    }

    const HOUR: Duration = Duration::from_hours(1);
}

//! Which web pages may open a socket.

use axum::http::{HeaderMap, HeaderValue, header};

/// The origins (RFC 6454) whose pages may connect. Programs that are not
/// browsers send no origin, and could send any: they pass.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AllowedOrigins {
    /// Empty: only pages from the host that the socket itself is opened on.
    listed: Vec<String>,
}

impl AllowedOrigins {
    /// Each as a browser writes it, such as `https://clinic.example`. None at
    /// all: the server's own host only.
    pub fn new(listed: Vec<String>) -> Self {
        Self { listed }
    }

    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        if !self.listed.is_empty() {
            return self
                .listed
                .iter()
                .any(|listed| listed.eq_ignore_ascii_case(origin));
        }
        let host = headers.get(header::HOST).map(HeaderValue::to_str);
        let (Some((_, authority)), Some(Ok(host))) = (origin.split_once("://"), host) else {
            return false;
        };
        authority.eq_ignore_ascii_case(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_only_the_own_host_passes() {
        let own = AllowedOrigins::default();

        assert!(own.admit(&headers("a.example:8080", Some("http://a.example:8080"))));
        assert!(own.admit(&headers("a.example", None)));
        for origin in [
            "http://b.example",
            "http://a.example:8080",
            "https://a.example.evil",
            "null",
            "",
            "a.example",
        ] {
            assert!(!own.admit(&headers("a.example", Some(origin))), "{origin}");
        }
    }

    #[test]
    fn a_list_is_exact() {
        let listed = AllowedOrigins::new(vec!["https://clinic.example".into()]);

        assert!(listed.admit(&headers("a.example", Some("https://clinic.example"))));
        for origin in [
            "http://clinic.example",
            "https://clinic.example:444",
            "https://a.example",
            "https://clinic.example.evil",
        ] {
            assert!(
                !listed.admit(&headers("a.example", Some(origin))),
                "{origin}"
            );
        }
    }

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = |text: &str| text.parse().expect("the text fits a header");
        headers.insert(header::HOST, value(host));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, value(origin));
        }
        headers
    }
}

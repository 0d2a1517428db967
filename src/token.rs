//! `quietroom token`: tokens for development.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use signaling::access::{DevelopmentKey, NewToken, Thumbprint, UnixTime};
use signaling::protocol::Role;

use crate::development_key;

/// Prints a token for development, signed with a key of its own.
///
/// A server takes it when access.jwks names the key's public half, which lies
/// beside the key: key.jwks.json beside key.pem.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The room to enter
    #[arg(long, value_name = "ROOM", value_parser = id)]
    room: String,
    /// What the person is in the room
    #[arg(long, default_value = "host")]
    role: RoleName,
    /// The person's opaque id; random when absent
    #[arg(long, value_name = "ID", value_parser = id)]
    sub: Option<String>,
    /// How long the token is good for, such as 30m, 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = duration)]
    ttl: Duration,
    /// The thumbprint (RFC 7638) of the browser's key, which alone can use the
    /// token then
    #[arg(long, value_name = "THUMBPRINT", value_parser = thumbprint)]
    thumbprint: Option<Thumbprint>,
    /// The private key's file, made when absent
    #[arg(long, value_name = "FILE", default_value = "data/development-key.pem")]
    key: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    Host,
    CoHost,
    Client,
    Observer,
    Interpreter,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let file = development_key::load_or_create(&arguments.key)?;
    if file.created {
        eprintln!(
            "Made a new key. A server takes its tokens with access.jwks = \"{}\".",
            file.jwks.display()
        );
    }
    let subject = arguments.sub.clone().unwrap_or_else(random_id);
    let token = mint(
        &file.key,
        &arguments.room,
        arguments.role.into(),
        &subject,
        arguments.ttl,
        arguments.thumbprint,
    );
    writeln!(io::stdout(), "{token}")?;
    Ok(())
}

/// Signs a token that is good from now on.
pub(crate) fn mint(
    key: &DevelopmentKey,
    room: &str,
    role: Role,
    subject: &str,
    ttl: Duration,
    thumbprint: Option<Thumbprint>,
) -> String {
    key.mint(&NewToken {
        subject,
        room,
        role,
        issued_at: UnixTime::now(),
        lifetime_seconds: ttl.as_secs(),
        token_id: &random_id(),
        key: thumbprint,
    })
}

/// 128 random bits in hexadecimal.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Host => Self::Host,
            RoleName::CoHost => Self::CoHost,
            RoleName::Client => Self::Client,
            RoleName::Observer => Self::Observer,
            RoleName::Interpreter => Self::Interpreter,
        }
    }
}

fn id(text: &str) -> Result<String, String> {
    if (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 128 printable characters".into())
    }
}

fn thumbprint(text: &str) -> Result<Thumbprint, String> {
    let wrong = || "write the 43 characters of a SHA-256 thumbprint in base64url".to_owned();
    Thumbprint::parse(text).ok_or_else(wrong)
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and s, m, h or d, such as 12h; at most 366d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        .filter(|seconds| (1..=366 * 86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Ok(Duration::from_mins(30)));
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(duration("366d"), Ok(Duration::from_hours(366 * 24)));
        for wrong in [
            "",
            "h",
            "12",
            "0s",
            "-1h",
            "1.5h",
            "367d",
            "12 h",
            "9é",
            "99999999999999999999h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}

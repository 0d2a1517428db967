//! Certificate fingerprints (RFC 8122 §5).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The SHA-256 hash of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// The text is not 32 bytes as colon-separated hexadecimal pairs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not a SHA-256 fingerprint")]
pub struct InvalidFingerprint;

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().ok_or(InvalidFingerprint)?;
            if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(InvalidFingerprint);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidFingerprint)?;
        }
        match pairs.next() {
            Some(_) => Err(InvalidFingerprint),
            None => Ok(Self(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        let fingerprint = Fingerprint(std::array::from_fn(|i| u8::try_from(i * 7).unwrap_or(0)));

        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }

    #[test]
    fn wrong_lengths_and_signs_are_refused() {
        let good = Fingerprint([0xAB; 32]).to_string();

        for bad in [
            "",
            "AB",
            &good[3..],
            &format!("{good}:AB"),
            &good.replacen("AB", "+B", 1),
            &good.replacen("AB", "A", 1),
        ] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(InvalidFingerprint), "{bad}");
        }
    }
}

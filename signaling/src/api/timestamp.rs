//! Times as text (RFC 3339), in UTC and whole seconds.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::access::UnixTime;

pub(super) fn format(time: UnixTime) -> String {
    i64::try_from(time.0)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        // What we store was parsed, and so can be written.
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".into())
}

/// Reads a time of any offset, from 1970 on; fractions are cut off.
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = u64::try_from(time.unix_timestamp()).ok()?;
    // The year 10000 could not be written in UTC.
    (seconds < YEAR_10000).then_some(UnixTime(seconds))
}

const YEAR_10000: u64 = 253_402_300_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_offset_and_written_in_utc() {
        for text in [
            "2027-01-15T08:00:00Z",
            "2027-01-15T09:00:00+01:00",
            "2027-01-15T08:00:00.999Z",
            "2027-01-15t08:00:00z",
        ] {
            let time = parse(text).expect("it is a time");
            assert_eq!(time, UnixTime(1_800_000_000));
            assert_eq!(format(time), "2027-01-15T08:00:00Z");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2027-01-15",
            "2027-01-15T08:00:00",
            "2027-13-15T08:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "1800000000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

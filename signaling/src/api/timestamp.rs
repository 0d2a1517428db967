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

/// Reads a time of any offset; fractions are cut off. What is before 1970 or
/// after 9999 is moved to that border.
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = u64::try_from(time.unix_timestamp()).unwrap_or(0);
    Some(UnixTime(seconds.min(LAST_SECOND)))
}

/// 9999-12-31T23:59:59Z, after which RFC 3339 has no years.
const LAST_SECOND: u64 = 253_402_300_799;

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
            "1800000000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn far_times_are_moved_to_the_border() {
        for (far, border) in [
            ("0279-11-20T16:05:18-21:25", "1970-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(parse(far).map(format).as_deref(), Some(border));
        }
    }
}

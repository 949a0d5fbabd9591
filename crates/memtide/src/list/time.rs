//! Times as the calendar has them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970 as a date and a time of day: `2026-05-17T09:00:07Z`. What no calendar has stays a number.
pub(crate) fn date_time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let moment = OffsetDateTime::from_unix_timestamp(seconds as i64).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As `date --utc --date @SECONDS` has them.
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(date_time(seconds * 1000), shown);
            assert_eq!(date_time(seconds * 1000 + 999), shown, "no part of a second");
        }
        assert_eq!(date_time(u64::MAX), (u64::MAX / 1000).to_string());
    }
}

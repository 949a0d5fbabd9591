//! Tokens.

use super::table::Align::Left;
use super::table::lay_out;
use api::types::Token;

/// Tokens, a line for each.
pub(crate) fn tokens(tokens: &[Token]) -> String {
    let or = |at: Option<u64>, none: &str| at.map_or_else(|| none.to_owned(), date);
    let row = |token: &Token| {
        vec![
            token.name.clone(),
            token.role.to_string(),
            date(token.created_at_milliseconds),
            or(token.expires_at_milliseconds, "never"),
            or(token.last_used_at_milliseconds, "never"),
        ]
    };
    let titles = ["NAME", "ROLE", "CREATED", "EXPIRES", "LAST USED"].map(str::to_owned).to_vec();
    lay_out(&[Left; 5], &std::iter::once(titles).chain(tokens.iter().map(row)).collect::<Vec<_>>())
}

/// Days from the first of March of the year 0 to 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

/// A time as a date and an hour: `2026-05-17 09:00Z`, without the minutes.
fn date(milliseconds: u64) -> String {
    let hours = milliseconds / 3_600_000;
    // Years that begin in March end with the leap day, and months then have lengths that follow a line.
    let days = hours / 24 + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:00Z", hours % 24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::types::Role;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As `date --utc --date @SECONDS` has them.
        let cases = [
            (0, "1970-01-01 00:00Z"),
            (951_782_399, "2000-02-28 23:00Z"),
            (951_782_400, "2000-02-29 00:00Z"),
            (951_868_800, "2000-03-01 00:00Z"),
            (1_798_761_599, "2026-12-31 23:00Z"),
            (4_107_542_400, "2100-03-01 00:00Z"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(date(seconds * 1000), shown);
        }
    }

    #[test]
    fn each_token_has_a_line() {
        let token = Token {
            name: "ci".to_owned(),
            role: Role::Operate,
            created_at_milliseconds: 0,
            expires_at_milliseconds: Some(86_400_000),
            last_used_at_milliseconds: None,
        };
        let lines = tokens(&[token]);
        assert_eq!(lines.lines().count(), 2);
        let line = "ci    operate  1970-01-01 00:00Z  1970-01-02 00:00Z  never";
        assert_eq!(lines.lines().nth(1), Some(line));
    }
}

//! What people write into a budget: sizes, days, patterns.

use std::fmt;

use regex::Regex;

/// Units of bytes, in the order of the factors: those of 1000 and those of 1024.
const UNITS: [(&str, u64); 9] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Bytes as people write them: `65536`, `64 KiB`, `1.5MB`. Units of 1000 are kB, MB, GB, TB, those of 1024 KiB, MiB, GiB, TiB, in
/// upper or lower case. What is less than a byte is dropped.
///
/// # Errors
/// A sentence that says what is expected.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a size such as 65536, \"64 KiB\" or \"1.5 MB\", found {text:?}");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim().to_ascii_lowercase());
    let factor = match unit.as_str() {
        "" => 1,
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|&(_, factor)| factor).ok_or_else(wrong)?,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    // More digits than a tebibyte has bytes say nothing.
    if fraction.len() > 12 {
        return Err(wrong());
    }
    let scale = u128::from(10_u64.pow(u32::try_from(fraction.len()).unwrap_or(0)));
    let parts = (u128::from(digits(whole)?) * scale + u128::from(digits(fraction)?)) * u128::from(factor) / scale;
    u64::try_from(parts).map_err(|_| wrong())
}

/// A day of the Gregorian calendar: year, month, day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u64, u64, u64);

impl Day {
    /// The day of a moment in seconds since 1970 (UTC).
    #[must_use]
    pub fn of_seconds(seconds: u64) -> Self {
        // Years are counted from 1 March of year 0, so that a leap day is the last of its year (Hinnant, chrono-compatible dates).
        const DAYS_OF_400_YEARS: u64 = 146_097;
        let days = seconds / 86_400 + 719_468;
        let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let of_month = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self(era * 400 + year + u64::from(month <= 2), month, of_month)
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// A sentence that says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a day such as \"2027-03-31\", found {text:?}");
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(wrong()) };
        let number = |text: &str, digits: usize| {
            let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u64>().ok().filter(|_| plain).ok_or_else(wrong)
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 => 28 + u64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(wrong()),
        };
        if (1..=days).contains(&day) { Ok(Self(year, month, day)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0, self.1, self.2)
    }
}

/// Which names a rule is for: the raw name itself, `glob:` with `*` and `?`, or `re:` with a regular expression that may match
/// anywhere in the name.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    /// None for a name that has to be the same.
    regex: Option<Regex>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the regular expression.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = if let Some(expression) = text.strip_prefix("re:") {
            Some(expression.to_owned())
        } else {
            text.strip_prefix("glob:").map(|glob| {
                let escaped = regex::escape(glob).replace(r"\*", ".*").replace(r"\?", ".");
                format!("(?s)^{escaped}$")
            })
        };
        let compile = |expression: &String| Regex::new(expression).map_err(|error| format!("{text:?}: {error}"));
        Ok(Self { text: text.to_owned(), regex: regex.as_ref().map(compile).transpose()? })
    }

    /// Whether a raw name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.regex {
            Some(regex) => regex.is_match(name),
            None => self.text == name,
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [
            ("0", 0),
            ("65536", 65_536),
            ("256 KiB", 262_144),
            ("1 MB", 1_000_000),
            ("1.5mib", 1_572_864),
            ("0.3 B", 0),
            ("2kb", 2_000),
            ("18446744073709551615", u64::MAX),
            ("1.000000000001 TB", 1_000_000_000_001),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "KiB", "-1", "1 K", "1 XB", "1..5", "1.", ".5", "16777216 TiB", "18446744073709551616", "1e3", "１"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        // `date -u -d @SECONDS +%F`
        for (seconds, day) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
            (4_107_542_399, "2100-02-28"),
        ] {
            assert_eq!(Day::of_seconds(seconds).to_string(), day);
            assert_eq!(Day::parse(day), Ok(Day::of_seconds(seconds)));
        }
        for text in
            ["2100-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "26-04-01", "2026-4-1", "2026-04-01x", "", "+026-01-01"]
        {
            assert!(Day::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_are_exact_globs_or_expressions() {
        let matches = |pattern: &str, name: &str| Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name));
        assert!(matches("Foo", "Foo") && !matches("Foo", "FooBar") && !matches("F.o", "Foo") && matches("", ""));
        assert!(matches("glob:Detached *", "Detached <div>") && !matches("glob:Detached *", "x Detached <div>"));
        assert!(matches("glob:a?c*", "abc\nd") && !matches("glob:a?c", "ac") && matches("glob:[x]", "[x]"));
        assert!(matches("re:^Leaky", "LeakyItem") && matches("re:Item", "LeakyItem") && !matches("re:^Item", "LeakyItem"));
        assert!(Pattern::new("re:(").is_err());
    }
}

//! The budget file, `heapdiff.toml`.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::value::Datetime;

use super::values::{Day, Pattern, bytes};
use super::{Growth, Limits, Rule, Rules, Skip, TotalLimits};
use crate::grouping::Level;
use crate::report::{Place, TrendVerdict};

/// Name under which a budget is looked for in the working folder and above.
pub const FILE_NAME: &str = "heapdiff.toml";
/// A larger file is no budget.
pub const BYTES_MAX: u64 = 1 << 20;

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    check: Check,
    #[serde(default)]
    total: Total,
    #[serde(default)]
    group: Vec<Spanned<Group>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    min_snapshots: Option<NonZeroUsize>,
    skip_first: Option<Skip>,
    fail_on: Option<Vec<Growth>>,
    loops: Option<Loops>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Total {
    max_growth: Option<Size>,
    max_growth_per_step: Option<Size>,
    max_size: Option<Size>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(rename = "match")]
    pattern: String,
    level: Option<String>,
    max_growth: Option<Size>,
    max_count: Option<u64>,
    max_count_growth: Option<u64>,
    max_size: Option<Size>,
    #[serde(default)]
    allow: Vec<Allowed>,
    reason: Option<String>,
    expires: Option<Expires>,
}

/// Verdicts a rule can allow.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Allowed {
    Leak,
    Suspect,
    Saturating,
    Step,
}

/// A number of bytes, or text such as `64 KiB`.
#[derive(Clone, Copy)]
struct Size(u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor).map(Self)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as 65536, \"64 KiB\" or \"1.5 MB\"")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u64, E> {
        bytes(value).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Skip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of snapshots or \"auto\"")]
        enum Written {
            Number(usize),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self::Number(number)),
            Written::Word(word) => word.parse().map_err(D::Error::custom),
        }
    }
}

/// Repetitions: one is none.
struct Loops(u64);

impl<'de> Deserialize<'de> for Loops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let loops = u64::deserialize(deserializer)?;
        if loops > 1 { Ok(Self(loops)) } else { Err(D::Error::custom("expected 2 or more repetitions")) }
    }
}

/// A day, as text or as a date of TOML.
struct Expires(Day);

impl<'de> Deserialize<'de> for Expires {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a day such as \"2027-03-31\"")]
        enum Written {
            Text(String),
            Date(Datetime),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Date(date) => date.to_string(),
        };
        Day::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Reads a budget. `path` is what errors and reports call it.
///
/// # Errors
/// `path:line: what is wrong`.
pub fn parse(text: &str, path: &str) -> Result<Rules, String> {
    let line = |span: Option<Range<usize>>| {
        let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
        1 + before.bytes().filter(|&byte| byte == b'\n').count()
    };
    let at = |span, message: &str| {
        let words: Vec<&str> = message.split_whitespace().collect();
        format!("{path}:{}: {}", line(span), words.join(" "))
    };
    let file: File = toml::from_str(text).map_err(|error| at(error.span(), error.message()))?;
    let mut groups = Vec::with_capacity(file.group.len());
    for group in file.group {
        let place = Place { file: path.to_owned(), line: line(Some(group.span())) };
        let span = group.span();
        groups.push(rule(group.into_inner(), place).map_err(|message| at(Some(span), &message))?);
    }
    let size = |size: Option<Size>| size.map(|Size(size)| size);
    Ok(Rules {
        min_snapshots: file.check.min_snapshots.map(NonZeroUsize::get),
        skip_first: file.check.skip_first.unwrap_or_default(),
        fail_on: file.check.fail_on.unwrap_or_else(|| vec![Growth::Leak]),
        loops: file.check.loops.map(|Loops(loops)| loops),
        total: TotalLimits {
            max_growth: size(file.total.max_growth),
            max_growth_per_step: size(file.total.max_growth_per_step),
            max_size: size(file.total.max_size),
        },
        groups,
        assertions: Vec::new(),
        file: Some(path.to_owned()),
    })
}

fn rule(group: Group, place: Place) -> Result<Rule, String> {
    let level = |name: &str| {
        let known = || Level::ALL.map(|(_, name)| name).join(", ");
        let found = Level::ALL.iter().find(|(_, label)| *label == name).map(|&(level, _)| level);
        found.ok_or_else(|| format!("level: expected one of {}, found {name:?}", known()))
    };
    let size = |size: Option<Size>| size.map(|Size(size)| size);
    let limits = Limits {
        max_growth: size(group.max_growth),
        max_count: group.max_count,
        max_count_growth: group.max_count_growth,
        max_size: size(group.max_size),
    };
    if limits == Limits::default() && group.allow.is_empty() {
        return Err("the rule says nothing: expected max_growth, max_count, max_count_growth, max_size or allow".to_owned());
    }
    let verdict = |allowed: &Allowed| match allowed {
        Allowed::Leak => TrendVerdict::Leak,
        Allowed::Suspect => TrendVerdict::Suspect,
        Allowed::Saturating => TrendVerdict::Saturating,
        Allowed::Step => TrendVerdict::Step,
    };
    Ok(Rule {
        pattern: Pattern::new(&group.pattern).map_err(|error| format!("match: {error}"))?,
        level: group.level.as_deref().map(level).transpose()?,
        limits,
        allow: group.allow.iter().map(verdict).collect(),
        reason: group.reason,
        expires: group.expires.map(|Expires(day)| day),
        place: Some(place),
    })
}

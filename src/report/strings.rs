//! Strings in a report: those of equal text, and what their copies take.

use schemars::JsonSchema;
use serde::Serialize;

use crate::graph::devtools::strings as found;
use crate::text::safe_name;

/// The strings of a snapshot, by text. Parts of others (slices), and what a concatenation without a second part stands for, are not
/// among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Strings {
    /// Number of strings.
    pub count: u64,
    /// Their sizes in bytes.
    pub self_size: u64,
    /// Strings whose text another one has.
    pub copies: u64,
    /// Bytes that the copies take: of equal strings all but the largest.
    pub wasted: u64,
    /// Those that waste most.
    pub equal: Vec<EqualStrings>,
    /// Number of texts that several strings have.
    pub equal_of: usize,
}

/// Strings of equal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EqualStrings {
    /// A hash of the text (XXH3, 64 bits, hexadecimal): the same in every snapshot.
    pub hash: String,
    /// UTF-16 units of the text. V8 keeps no more than the first 1,024 of a string in a snapshot.
    pub length: u64,
    /// The strings may be longer than that, and differ there: they count as equal because their sizes are, too.
    pub cut: bool,
    /// Number of strings.
    pub count: u64,
    /// Their sizes in bytes.
    pub self_size: u64,
    /// Bytes that all but the largest take.
    pub wasted: u64,
    /// The text, safe to print; null unless contents were asked for.
    pub text: Option<String>,
}

impl From<&found::Strings> for Strings {
    fn from(strings: &found::Strings) -> Self {
        let equal = |text: &found::Text| EqualStrings {
            hash: format!("{:016x}", text.hash),
            length: text.length,
            cut: text.cut,
            count: text.count,
            self_size: text.self_size,
            wasted: text.wasted,
            text: text.text.as_deref().map(|text| safe_name(text).into_owned()),
        };
        Self {
            count: strings.count,
            self_size: strings.self_size,
            copies: strings.copies,
            wasted: strings.wasted,
            equal: strings.texts.iter().map(equal).collect(),
            equal_of: strings.texts_of,
        }
    }
}

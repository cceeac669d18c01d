//! Objects of Python: what their classes on a path mean.

use crate::growth::{BUILT_IN_TIER, CLOSURE_TIER};

/// Kinds of classes that stand for things with names of their own.
const MODULE: &str = "module";
const FRAME: &str = "frame";
const FUNCTION: &str = "function";
const CLASS: &str = "class";
/// Kinds of what many causes share.
const STRING: &str = "string";
const NUMBER: &str = "number";
/// The kind of all others.
const TYPE: &str = "type";

/// The kind of a class, by its text.
pub(super) fn kind(text: &str) -> &'static str {
    match text {
        "str" | "unicode" | "bytes" | "bytearray" => STRING,
        "int" | "long" | "float" | "complex" | "bool" => NUMBER,
        _ if module(text).is_some() => MODULE,
        _ if text.starts_with("frame ") => FRAME,
        _ if text.ends_with("()") => FUNCTION,
        _ if class(text).is_some() => CLASS,
        _ => TYPE,
    }
}

/// How much a class of a kind says, where its text is no type.
pub(super) fn tier(kind: &str) -> Option<u8> {
    match kind {
        MODULE | FRAME | CLASS => Some(BUILT_IN_TIER),
        FUNCTION => Some(CLOSURE_TIER),
        _ => None,
    }
}

/// The name of a module.
pub(super) fn module(text: &str) -> Option<&str> {
    text.strip_prefix("<module '")?.strip_suffix("'>")
}

/// The name of a class that is an object on a path.
pub(super) fn class(text: &str) -> Option<&str> {
    text.strip_prefix("class ")
}

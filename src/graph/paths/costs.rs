//! What it costs to follow a reference: the one table that makes paths readable.
//!
//! The cheapest path to an object is the one a person would name. References that are true of every instance of a class (its map), or
//! that only keep the books (the lists that timers wait in), are followed too, but only where there is nothing better. The lists are
//! those of Node's and Chromium's engines; a test with real series shows what a change of them does to the causes found.

/// An ordinary reference.
const PLAIN: u8 = 1;
/// A reference of the engine's own that has but a number.
const HIDDEN: u8 = 3;
/// To the prototype of a class.
const PROTOTYPE: u8 = 6;
/// To what is true of the class rather than of the instance.
pub const CLASS: u8 = 10;
/// From an object to its prototype.
const PROTO: u8 = 20;
/// Lists that hold objects without being the reason for it.
pub const BOOKKEEPING: u8 = 40;
/// More for what starts at code or at the engine's own objects.
pub(super) const FROM_SYSTEM: u8 = 5;

/// From the root to global objects.
pub(super) const USER_ROOT: u8 = 1;
/// From the root to native objects, such as open sockets. What they hold is better told by the program's own way to it, if there is
/// one: a little less than the way to a global handle.
pub(super) const NATIVE_ROOT: u8 = 19;
/// From the root to running calls of Python.
pub(super) const FRAME_ROOT: u8 = 3;
/// From the root to objects of Python that nothing in a dump refers to.
pub(super) const UNREFERENCED: u8 = 30;
/// From the root to the lists of the garbage collector.
pub(super) const GC_ROOTS: u8 = 10;

/// To what is running while the snapshot is taken, which is most of all the code that takes it.
const RUNNING: u8 = 150;

/// From tables that hold what would live or die without them.
pub(super) const STRING_TABLE: u8 = 250;

/// From a dictionary to its keys.
pub(super) const KEY: u8 = 2;

/// The largest cost of a reference.
pub(super) const COST_MAX: usize = 255;

/// References of the engine's own that say something about the class, not about the instance. Sorted.
#[rustfmt::skip]
const OF_CLASS: &[&str] = &[
    "allocation_site", "back_pointer", "boilerplate", "builtin_code", "bytecode_array", "code", "code_cache", "constructor_or_back_pointer",
    "dependent_code", "descriptors", "dispatch_handle", "enum_cache", "feedback_cell", "feedback_metadata", "feedback_vector",
    "function_data", "initial_map", "map", "name_or_scope_info", "native_context", "outer_scope_info", "prototype_info",
    "prototype_or_initial_map", "raw_feedback_cell", "raw_outer_scope_info_or_feedback_metadata", "scope_info", "script",
    "script_or_debug_info", "shared", "shared_function_info", "sloppy_function_map", "transition_info", "transitions",
    "trusted_function_data", "untrusted_function_data",
];

/// References that hold, but are rarely the reason. Sorted.
#[rustfmt::skip]
const OF_BOOKKEEPING: &[&str] = &["_idleNext", "_idlePrev", "cleanup_queue", "timerListMap", "timerListQueue"];

/// What it costs to follow references of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameCost {
    /// As a property, an element or a variable.
    pub(super) named: u8,
    /// As a reference of the engine's own.
    pub(super) internal: u8,
}

impl NameCost {
    pub(super) fn of(name: &str) -> Self {
        let either = |cost| Self { named: cost, internal: cost };
        match name {
            "__proto__" => either(PROTO),
            "prototype" | "constructor" => either(PROTOTYPE),
            // Of the roots: a call that goes on behind an `await`.
            "current_microtask" => Self { named: PLAIN, internal: RUNNING },
            // The variables of a running call of Python.
            "f_locals" => Self { named: PLAIN, internal: PROTOTYPE },
            name if OF_BOOKKEEPING.binary_search(&name).is_ok() => either(BOOKKEEPING),
            name if OF_CLASS.binary_search(&name).is_ok() => Self { named: PLAIN, internal: CLASS },
            _ => either(PLAIN),
        }
    }

    /// For references that have but a number: elements, and those of the engine's own.
    pub(super) fn numbered(is_element: bool) -> u8 {
        if is_element { PLAIN } else { HIDDEN }
    }
}

/// From a list of the garbage collector to what is in it.
pub(super) fn from_gc_list(list: &str) -> u8 {
    match list {
        "(Global handles)" | "(Traced handles)" => 10,
        "(Stack roots)" | "(Handle scope)" | "C++ native stack roots" => RUNNING,
        "(Internalized strings)" | "(External strings)" | "(Weak roots)" => STRING_TABLE,
        list if list.starts_with("C++ ") => 10,
        _ => 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(OF_CLASS.is_sorted() && OF_BOOKKEEPING.is_sorted());
    }
}

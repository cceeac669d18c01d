//! Which types keep growing: judging groups over a series of snapshots.
//!
//! Pure functions over counts and sizes; nothing here reads files or prints.

/// One (kind, name) group over a series of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSeries<'a> {
    /// Node type, V8's word for it.
    pub kind: &'a str,
    /// Name; empty for kinds that are one group each (strings, numbers, symbols, regular expressions).
    pub name: &'a str,
    /// Number of objects in each snapshot.
    pub count: &'a [u64],
    /// Self sizes in bytes in each snapshot.
    pub self_size: &'a [u64],
}

//! The rows of a report in the order a reader sees them, so that every column adds up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::report::{Change, Group, Moved, Parent, Report, Shown, Survived, Totals};
use crate::text;

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A row of `groups`, or one of a breakdown.
    Group,
    /// The subtotal of an outer level.
    Parent,
    /// Rows that are not shown.
    Rest,
    /// Everything.
    Total,
}

/// One line of a table.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    /// What it stands for.
    pub(super) role: Role,
    /// Levels it is indented by.
    pub(super) depth: usize,
    /// Its name, not yet made safe.
    pub(super) label: Cow<'a, str>,
    /// Counts, sizes and change.
    pub(super) sums: Cow<'a, Totals>,
    /// The row of the report, where there is one.
    pub(super) group: Option<&'a Group>,
}

/// All rows: groups with their breakdowns, nested under their parents where there are any, then what is not shown, then the total.
pub(super) fn rows(report: &Report) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    if report.parents.is_empty() {
        for group in &report.groups {
            push_group(&mut rows, group, Role::Group, 0);
        }
        if let Some(others) = outermost_others(report) {
            rows.push(Row {
                role: Role::Rest,
                depth: 0,
                label: others.into(),
                sums: Cow::Borrowed(&report.shown.rest),
                group: None,
            });
        }
    } else {
        let tree = Tree::new(report);
        tree.push_children(&mut rows, &[]);
        let outermost = report.parents.iter().filter(|parent| parent.group.key.len() == 1);
        let rest = remainder(&report.totals, outermost.map(|parent| sums(&parent.group)));
        if rest.count.iter().any(|&count| count > 0) {
            rows.push(Row { role: Role::Rest, depth: 0, label: "[others]".into(), sums: Cow::Owned(rest), group: None });
        }
    }
    rows.push(Row { role: Role::Total, depth: 0, label: "TOTAL".into(), sums: Cow::Borrowed(&report.totals), group: None });
    rows
}

/// The name of a group: groups that hold all strings, all numbers and the like have none of their own, nor have some closures.
pub(super) fn label<'a>(kind: &str, name: &'a str) -> Cow<'a, str> {
    match (name, kind) {
        ("", "closure") => "(anonymous)".into(),
        ("", _) => format!("({kind})").into(),
        _ => name.into(),
    }
}

/// What stands for the rows that are not shown, or for objects that have none; None if that is nothing.
pub(super) fn others(shown: &Shown) -> Option<String> {
    match shown.of.saturating_sub(shown.groups) {
        0 => shown.rest.count.iter().any(|&count| count > 0).then(|| "[no row]".to_owned()),
        1 => Some("[1 other]".to_owned()),
        n => Some(format!("[{} others]", text::count(super::number(n)))),
    }
}

/// The same for a whole report, which may be of a range of time.
pub(super) fn outermost_others(report: &Report) -> Option<String> {
    let others = others(&report.shown)?;
    Some(match (report.grouping.allocated_between, others.strip_suffix(']')) {
        (Some(_), _) if report.shown.of == report.shown.groups => "[outside the range]".to_owned(),
        (Some(_), Some(rows)) => format!("{rows} and outside the range]"),
        _ => others,
    })
}

pub(super) fn sums(group: &Group) -> Totals {
    Totals { count: group.count.clone(), self_size: group.self_size.clone(), change: group.change }
}

fn push_group<'a>(rows: &mut Vec<Row<'a>>, group: &'a Group, role: Role, depth: usize) {
    let label = label(&group.kind, &group.name);
    rows.push(Row { role, depth, label, sums: Cow::Owned(sums(group)), group: Some(group) });
    if let Some(breakdown) = &group.breakdown {
        for part in &breakdown.groups {
            push_group(rows, part, Role::Group, depth + 1);
        }
        push_rest(rows, &breakdown.shown, depth + 1);
    }
}

fn push_rest<'a>(rows: &mut Vec<Row<'a>>, shown: &'a Shown, depth: usize) {
    if let Some(others) = others(shown) {
        rows.push(Row { role: Role::Rest, depth, label: others.into(), sums: Cow::Borrowed(&shown.rest), group: None });
    }
}

/// A nested grouping: the rows directly below each key, in the report's order.
struct Tree<'a> {
    children: BTreeMap<&'a [String], Vec<Child<'a>>>,
}

enum Child<'a> {
    Inner(&'a Parent),
    Leaf(&'a Group),
}

impl<'a> Tree<'a> {
    fn new(report: &'a Report) -> Self {
        let mut children: BTreeMap<&[String], Vec<Child<'_>>> = BTreeMap::new();
        let inner = report.parents.iter().map(|parent| (&parent.group.key, Child::Inner(parent)));
        let leaves = report.groups.iter().map(|group| (&group.key, Child::Leaf(group)));
        for (key, child) in inner.chain(leaves) {
            let above = key.split_last().map_or(&[][..], |(_, above)| above);
            children.entry(above).or_default().push(child);
        }
        Self { children }
    }

    fn push_children(&self, rows: &mut Vec<Row<'a>>, key: &[String]) {
        for child in self.children.get(key).into_iter().flatten() {
            match child {
                Child::Inner(parent) => {
                    push_group(rows, &parent.group, Role::Parent, key.len());
                    self.push_children(rows, &parent.group.key);
                    push_rest(rows, &parent.shown, key.len() + 1);
                }
                Child::Leaf(group) => push_group(rows, group, Role::Group, key.len()),
            }
        }
    }
}

/// What is left of a whole without its parts.
fn remainder(whole: &Totals, parts: impl Iterator<Item = Totals>) -> Totals {
    let mut rest = whole.clone();
    for part in parts {
        for (left, taken) in rest.count.iter_mut().zip(&part.count) {
            *left = left.saturating_sub(*taken);
        }
        for (left, taken) in rest.self_size.iter_mut().zip(&part.self_size) {
            *left = both(*left, *taken, u64::saturating_sub);
        }
        let (change, taken) = (&mut rest.change, &part.change);
        *change = Change {
            count_delta: both(change.count_delta, taken.count_delta, i64::saturating_sub),
            size_delta: both(change.size_delta, taken.size_delta, i64::saturating_sub),
            added: both(change.added, taken.added, less),
            removed: both(change.removed, taken.removed, less),
            survived: both(change.survived, taken.survived, |a, b| Survived {
                count: a.count.saturating_sub(b.count),
                size_delta: a.size_delta.saturating_sub(b.size_delta),
            }),
        };
    }
    rest
}

fn less(whole: Moved, part: Moved) -> Moved {
    Moved { count: whole.count.saturating_sub(part.count), size: whole.size.saturating_sub(part.size) }
}

fn both<T>(a: Option<T>, b: Option<T>, combine: impl Fn(T, T) -> T) -> Option<T> {
    a.zip(b).map(|(a, b)| combine(a, b))
}

//! Facts about the rule from outside its code: worked examples, identities, brute force, real series.

mod identities;
mod real;
mod statistics;
mod worked;

use super::{Finding, GroupSeries, GroupVerdict, Judgement, judge};
use crate::report::TrendVerdict;

/// A series being put together.
#[derive(Debug, Clone, Default)]
struct Heap {
    rows: Vec<Row>,
}

/// One (kind, name) group of it.
#[derive(Debug, Clone)]
struct Row {
    kind: String,
    name: String,
    count: Vec<u64>,
    self_size: Vec<u64>,
}

impl Heap {
    /// One more class: its first count and its steps, 40 bytes an object.
    fn class(self, name: &str, first: u64, steps: &[i64]) -> Self {
        self.group("object", name, first, steps, 40)
    }

    /// One more group: its first count, its steps, the self size of one object.
    fn group(self, kind: &str, name: &str, first: u64, steps: &[i64], object_size: u64) -> Self {
        let mut count = vec![first];
        for step in steps {
            count.push(count.last().unwrap().checked_add_signed(*step).unwrap());
        }
        let self_size = count.iter().map(|objects| objects * object_size).collect();
        self.columns(kind, name, count, self_size)
    }

    /// One more group by its counts and sizes.
    fn columns(mut self, kind: &str, name: &str, count: Vec<u64>, self_size: Vec<u64>) -> Self {
        self.rows.push(Row { kind: kind.to_owned(), name: name.to_owned(), count, self_size });
        self
    }

    fn series(&self) -> Vec<GroupSeries<'_>> {
        self.rows.iter().map(Row::series).collect()
    }

    fn judge(&self) -> Judged<'_> {
        Judged { heap: self, judgement: judge(&self.series()) }
    }
}

impl Row {
    fn series(&self) -> GroupSeries<'_> {
        GroupSeries { kind: &self.kind, name: &self.name, count: &self.count, self_size: &self.self_size }
    }
}

/// A heap and what was found in it.
struct Judged<'a> {
    heap: &'a Heap,
    judgement: Judgement,
}

impl Judged<'_> {
    /// Headline and verdict of every finding, in order.
    fn findings(&self) -> Vec<(&str, TrendVerdict)> {
        self.judgement.findings.iter().map(|finding| (self.name(finding.headline), finding.verdict)).collect()
    }

    /// The only finding.
    fn finding(&self) -> &Finding {
        let [finding] = self.judgement.findings.as_slice() else { panic!("one finding expected: {:?}", self.findings()) };
        finding
    }

    /// Name and objects per unit of the members, in order.
    fn members(&self, finding: &Finding) -> Vec<(&str, u64)> {
        finding.members.iter().map(|member| (self.name(member.group), member.per_unit)).collect()
    }

    /// The object group of that name, else the first of it.
    fn group(&self, name: &str) -> GroupVerdict {
        let named = |row: &Row| row.name == name;
        let object = self.heap.rows.iter().position(|row| named(row) && row.kind == "object");
        let at = object.or_else(|| self.heap.rows.iter().position(named)).unwrap();
        self.judgement.groups[at]
    }

    fn verdict(&self, name: &str) -> TrendVerdict {
        self.group(name).verdict
    }

    fn name(&self, group: usize) -> &str {
        &self.heap.rows[group].name
    }
}

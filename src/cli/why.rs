//! `--why`: every snapshot once more, as a graph, for what keeps the growth alive.

use super::Failure;
use super::config::Limits;
use super::paths::{Opened, have_references, read_again};
use super::progress::Watcher;
use crate::analysis::{self, Options};
use crate::causes::{Causes, Census, census};
use crate::graph::Detachedness;
use crate::graph::paths::Vocabulary;
use crate::report::{Cause, Report};
use crate::series::Series;
use crate::trend::Trends;

/// The report of a series with what keeps its growth alive.
///
/// # Errors
/// If a snapshot cannot be read again, is of a format without references, or is larger or takes more memory than is allowed.
pub(super) fn report(series: &Series, options: &Options, limits: Limits, progress: &Watcher) -> Result<Report, Failure> {
    have_references(series, "--why")?;
    series.inputs.iter().try_for_each(|input| read_again(&input.path, "--why"))?;
    let mut trends = Trends::of(series);
    let other_causes = explain(series, &mut trends, limits, progress)?;
    Ok(Report { other_causes, ..analysis::report_with(series, options, trends) })
}

/// Finds the causes of a series' growth and tells the trends of them. Returns what grows beside.
fn explain(series: &Series, trends: &mut Trends, limits: Limits, progress: &Watcher) -> Result<Vec<Cause>, Failure> {
    let growing = trends.growing();
    let groups = trends.numbered(series, &growing);
    let mut vocabulary = Vocabulary::default();
    let mut censuses: Vec<Census> = Vec::new();
    let Some((first, rest)) = series.inputs.split_first() else { return Ok(Vec::new()) };
    let mut opened = Opened::read(first, limits, progress)?;
    for input in rest {
        let count = || opened.compute(|graph| census(graph, &Detachedness::new(graph), &mut vocabulary, &groups).0);
        let read = || Opened::read(input, limits, progress);
        // The search takes one thread: others read the next snapshot meanwhile, unless memory is scarce.
        let (counted, next) = if limits.memory.is_none() { rayon::join(count, read) } else { (count(), read()) };
        censuses.push(counted?);
        opened = next?;
    }
    let causes = opened.compute(|graph| {
        let detachedness = Detachedness::new(graph);
        let (census, paths) = census(graph, &detachedness, &mut vocabulary, &groups);
        censuses.push(census);
        Causes::new(&censuses, (graph, &detachedness, paths), vocabulary, trends.rule(), growing.len())
    })?;
    Ok(trends.explain(series, &growing, &causes))
}

//! `--why`: every snapshot once more, as a graph, for what keeps the growth alive.

use rayon::prelude::*;

use super::Failure;
use super::config::Limits;
use super::paths::{Opened, have_references, read_again};
use super::progress::Watcher;
use crate::analysis::{self, Options};
use crate::causes::{Causes, Census, Searched};
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

/// Snapshots that are searched beside one another, unless memory is scarce: a search takes one thread.
const AT_ONCE: usize = 2;

/// Finds the causes of a series' growth and tells the trends of them. Returns what grows beside.
fn explain(series: &Series, trends: &mut Trends, limits: Limits, progress: &Watcher) -> Result<Vec<Cause>, Failure> {
    let growing = trends.growing();
    let groups = trends.numbered(series, &growing);
    let Some((last, earlier)) = series.inputs.split_last() else { return Ok(Vec::new()) };
    let search = |input| {
        let opened = Opened::read(input, limits, progress)?;
        let searched = opened.compute(|graph| Searched::new(graph, &groups))?;
        Ok((opened, searched))
    };
    let census = |input| search(input).map(|(_, searched)| searched.census);
    let at_once = if limits.memory.is_none() { AT_ONCE } else { 1 };
    let (before, beside) = earlier.split_at(earlier.len().saturating_sub(at_once - 1));
    let mut censuses: Vec<Census> = Vec::new();
    for inputs in before.chunks(at_once) {
        let found: Vec<Result<Census, Failure>> = inputs.par_iter().map(census).collect();
        found.into_iter().try_for_each(|census| census.map(|census| censuses.push(census)))?;
    }
    let (found, last) = rayon::join(|| beside.iter().map(census).collect::<Result<Vec<_>, Failure>>(), || search(last));
    censuses.extend(found?);
    let (opened, searched) = last?;
    let causes = opened.compute(|graph| Causes::new(censuses, (graph, searched), trends.rule(), growing.len()))?;
    Ok(trends.explain(series, &growing, &causes))
}

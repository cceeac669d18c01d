//! `--why`: every snapshot once more, as a graph, for what keeps the growth alive.

use super::paths::{have_references, of_graph};
use super::progress::Watcher;
use super::{Failure, exit};
use crate::causes::{Causes, Census, census};
use crate::graph::Detachedness;
use crate::graph::paths::Vocabulary;
use crate::report::Cause;
use crate::series::Series;
use crate::trend::Trends;

/// Finds the causes of a series' growth and tells the trends of them. Returns what grows beside.
///
/// # Errors
/// If a snapshot cannot be read again, or is of a format without references.
pub(super) fn explain(series: &Series, trends: &mut Trends, progress: &Watcher) -> Result<Vec<Cause>, Failure> {
    have_references(series, "--why")?;
    if series.inputs.iter().any(|input| input.path == "-") {
        return Err(Failure::new(exit::USAGE, "--why reads its inputs twice: standard input cannot be read again"));
    }
    let growing = trends.growing();
    let groups = trends.numbered(series, &growing);
    let mut vocabulary = Vocabulary::default();
    let mut censuses: Vec<Census> = Vec::new();
    let Some((last, before)) = series.inputs.split_last() else { return Ok(Vec::new()) };
    for input in before {
        censuses.push(of_graph(input, progress, |graph| census(graph, &Detachedness::new(graph), &mut vocabulary, &groups).0)?);
    }
    let causes = of_graph(last, progress, |graph| {
        let detachedness = Detachedness::new(graph);
        let (census, paths) = census(graph, &detachedness, &mut vocabulary, &groups);
        censuses.push(census);
        Causes::new(&censuses, (graph, &detachedness, paths), vocabulary, trends.rule(), growing.len())
    })?;
    Ok(trends.explain(series, &growing, &causes))
}

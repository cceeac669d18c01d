//! Where what grew was allocated: the stack to look at first.

use std::collections::BTreeMap;

use crate::grouping::{FRAMES_MAX, Sums};
use crate::package::{APP, is_app, package};
use crate::report::AllocatedAt;
use crate::series::Series;
use crate::stacks::{Frame, NOT_TRACKED};

/// Stacks that take one way through the application's own functions, and what all groups allocated there.
struct Way {
    sums: Sums,
    stacks: Vec<(u32, Sums)>,
}

/// Growing stacks by the frames of the application.
type Ways<'s> = BTreeMap<Vec<&'s Frame>, Way>;

/// Growth of objects and of bytes, what counts first in front.
type Growth = (i64, i64);

/// Where most of the growth of some groups was allocated: of objects, if these are what grows, else of bytes; None where no stack of
/// theirs grows.
///
/// The way that most of the first groups took is preferred if it tells of half of their growth, or if at least half as much grows there
/// as anywhere: they are what the others come with.
#[must_use]
pub fn allocated_at(series: &Series, first: &[usize], groups: &[usize], objects: bool) -> Option<AllocatedAt> {
    let growth = |sums: &Sums| {
        let (of_objects, of_bytes) = (sums.count_delta(), sums.growth(series));
        if objects { (of_objects, of_bytes) } else { (of_bytes, of_objects) }
    };
    let all = ways(series, groups, growth);
    let of_first = ways(series, first, growth);
    let main = main_way(&all, growth)?;
    let is_large = |frames: &Vec<&Frame>| all.get(frames).is_some_and(|way| growth(&way.sums).0 >= growth(&main.1.sums).0 / 2);
    let of_first_at_all: i64 = first.iter().map(|&group| growth(&series.groups[group].sums).0).sum();
    let is_theirs = |way: &Way| growth(&way.sums).0 >= of_first_at_all / 2;
    let (frames, way) = main_way(&of_first, growth).filter(|(frames, way)| is_theirs(way) || is_large(frames)).unwrap_or(main);
    let (stack, _) = most(way.stacks.iter(), |(_, sums)| growth(sums))?;
    // All that the way's stacks allocated, the first groups' own where these do not count among the others.
    let way = all.get(frames).unwrap_or(way);
    Some(AllocatedAt {
        frames: series.stacks.frames(*stack).take(FRAMES_MAX).map(Frame::safe).collect(),
        package: main_package(series, way, growth),
        count_delta: way.sums.count_delta(),
        size_delta: series.has_sizes.then(|| way.sums.size_delta()),
    })
}

fn ways<'s>(series: &'s Series, groups: &[usize], growth: impl Fn(&Sums) -> Growth) -> Ways<'s> {
    let zero = || Sums::zero(series.inputs.len());
    let mut by_stack: BTreeMap<u32, Sums> = BTreeMap::new();
    for group in groups.iter().map(|&group| &series.groups[group]).filter(|group| group.stack != NOT_TRACKED) {
        by_stack.entry(group.stack).or_insert_with(zero).add(&group.sums);
    }
    let mut ways = Ways::new();
    for (stack, sums) in by_stack.into_iter().filter(|(_, sums)| growth(sums).0 > 0) {
        let of_app = series.stacks.frames(stack).take(FRAMES_MAX).filter(|frame| is_app(frame)).collect();
        let way = ways.entry(of_app).or_insert_with(|| Way { sums: zero(), stacks: Vec::new() });
        way.sums.add(&sums);
        way.stacks.push((stack, sums));
    }
    ways
}

/// The way with most growth; one through no function of the application only if there is no other.
fn main_way<'w, 's>(ways: &'w Ways<'s>, growth: impl Fn(&Sums) -> Growth) -> Option<(&'w Vec<&'s Frame>, &'w Way)> {
    let only = ways.len() == 1;
    most(ways.iter().filter(|(frames, _)| only || !frames.is_empty()), |(_, way)| growth(&way.sums))
}

/// The package whose code holds the site of most of a way's growth, unless it is the application.
fn main_package(series: &Series, way: &Way, growth: impl Fn(&Sums) -> Growth) -> Option<String> {
    let mut packages: BTreeMap<String, Sums> = BTreeMap::new();
    for (stack, sums) in &way.stacks {
        let site = series.stacks.site(*stack).filter(|site| !site.is_native());
        let of = packages.entry(site.map_or_else(|| APP.to_owned(), |site| package(&site.script)));
        of.or_insert_with(|| Sums::zero(series.inputs.len())).add(sums);
    }
    let (package, _) = most(packages.into_iter(), |(_, sums)| growth(sums))?;
    (package != APP).then(|| crate::text::safe_name(&package).into_owned())
}

/// The largest; of equal ones the first.
fn most<T, K: Ord>(of: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Option<T> {
    of.reduce(|most, other| if key(&other) > key(&most) { other } else { most })
}

//! Rows by what holds objects whose class says little.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{leak, python, report, run};

/// Counts and sizes of rows, by the class that their names begin with.
fn by_class(report: &Value, column: &str) -> BTreeMap<String, Vec<i64>> {
    let mut sums: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in report["groups"].as_array().unwrap() {
        let class = row["name"].as_str().unwrap().split(" ← ").next().unwrap().to_owned();
        let values: Vec<i64> = match &row[column] {
            Value::Array(values) => values.iter().map(|value| value.as_i64().unwrap()).collect(),
            value => vec![value["count"].as_i64().unwrap(), value["size"].as_i64().unwrap()],
        };
        let sum = sums.entry(class).or_insert_with(|| vec![0; values.len()]);
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    sums
}

#[test]
fn rows_by_owner_are_those_of_the_classes_taken_apart() {
    for command in [&["top", &leak(7)][..], &["diff", &leak(1), &leak(7)], &["trend", "fixtures/v8/leak"]] {
        let of = |by: &str| report(&[command, &["--by", by, "-n", "0"]].concat());
        let (classes, owners) = (of("class"), of("owner"));
        assert!(owners["groups"].as_array().unwrap().len() > 2 * classes["groups"].as_array().unwrap().len());
        assert_eq!(owners["totals"], classes["totals"]);
        let columns =
            if command[0] == "diff" { &["count", "self_size", "added", "removed"][..] } else { &["count", "self_size"] };
        for column in columns {
            assert_eq!(by_class(&owners, column), by_class(&classes, column), "{command:?} {column}");
        }
    }
}

#[test]
fn a_leak_of_mute_objects_is_named_by_its_owner() {
    let files: Vec<String> = (1..=5).map(|number| python(&format!("leak27/dump-{number}.json"))).collect();
    let args: Vec<&str> = ["trend", "--by", "owner"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let report = report(&args);
    let row = |name: &str| report["groups"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
    let dicts = row("dict (empty) ← list ← Check.svc_metadata").unwrap();
    assert_eq!(dicts["count"], serde_json::json!([1500, 3000, 4500, 6000, 7500]));
    assert_eq!((&dicts["trend"]["verdict"], &dicts["trend"]["rank"]), (&Value::from("leak"), &Value::from(1)));
    let ascii = run(&["top", &files[0], "--by", "owner", "--ascii"]);
    assert!(ascii.text().is_ascii() && ascii.text().contains(" <- "), "{ascii:?}");
}

#[test]
fn owners_nest_and_retain() {
    let nested = report(&["top", &leak(7), "--by", "class,owner", "--retained", "-n", "0"]);
    let rows = nested["groups"].as_array().unwrap();
    for row in rows {
        let (class, owner) = (row["key"][0].as_str().unwrap(), row["key"][1].as_str().unwrap());
        assert!(owner == class || owner.starts_with(&format!("{class} ← ")), "{class} {owner}");
    }
    // What is held within a row counts once.
    let retained = |row: &Value| row["retained_size"][0].as_u64().unwrap();
    let own = |row: &Value| row["self_size"][0].as_u64().unwrap();
    assert!(rows.iter().all(|row| retained(row) >= own(row)));
}

#[test]
fn what_owners_do_not_go_with_is_refused() {
    for args in [
        &["top", &leak(1), "--by", "owner,devtools"][..],
        &["top", &leak(1), "--by", "owner", "--collapse"],
        &["top", &leak(1), "--by", "owner", "--allocated-between", "1s..2s"],
    ] {
        assert_eq!(run(args).code, Some(2), "{args:?}");
    }
    let summary = run(&["top", "fixtures/python/leak27/dump-1.json", "--by", "owner"]);
    assert!(summary.refusal().contains("--by owner"));
}

//! Why objects are alive: paths of programs whose leaks are known, and the causes of their growth.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::synth::KINDS;
use crate::support::{corpus, folder, leak, put, report, run, text};

/// A bundled snapshot.
fn bundled(name: &str) -> String {
    text(&corpus(name))
}

fn alive(args: &[&str]) -> Value {
    report(&[&["paths"], args].concat())["alive"].clone()
}

/// What holds the objects: how many, and the path.
fn holders(alive: &Value) -> Vec<(u64, &str)> {
    alive["holders"].as_array().unwrap().iter().map(|h| (h["instances"].as_u64().unwrap(), h["text"].as_str().unwrap())).collect()
}

#[test]
fn leaked_objects_are_held_by_the_array_they_are_pushed_to() {
    // The program pushes 20 connections before each snapshot to a global array, in every engine.
    for (name, path) in [
        ("isolates/mr06-s3.heapsnapshot", "globalThis.conns Array [x] → LeakyConn"),
        ("isolates/ivm-track-s3.heapsnapshot", "globalThis.conns Array [x] → LeakyConn"),
        ("isolates/ivm-node24-track-s3.heapsnapshot", "globalThis.conns Array [x] → LeakyConn"),
        ("isolates/mr0141-s3.heapsnapshot", "globalThis.conns Array [x] → LeakyConn"),
        ("bun/s3.heapsnapshot", "globalThis.__registry.conns Array [x] → LeakyConn"),
    ] {
        let alive = alive(&[&bundled(name), "LeakyConn"]);
        assert_eq!((alive["instances"].as_u64(), &alive["old_instances"]), (Some(60), &Value::Null), "{name}");
        assert_eq!(holders(&alive), [(60, path)], "{name}");
    }
}

#[test]
fn with_several_snapshots_only_new_objects_are_told_of() {
    let alive = alive(&[&bundled("isolates/mr06-s1.heapsnapshot"), &bundled("isolates/mr06-s3.heapsnapshot"), "LeakyConn"]);
    assert_eq!((alive["instances"].as_u64(), alive["old_instances"].as_u64()), (Some(40), Some(20)));
    // Those of the first are gone by the last; none is new.
    let jobs = run(&["paths", &bundled("isolates/mr06-s1.heapsnapshot"), &bundled("isolates/mr06-s3.heapsnapshot"), "Job"]);
    assert!(jobs.refusal().contains("no Job is new"), "{jobs:?}");
    // Ids of Bun mean nothing: all are shown.
    let bun = report(&["paths", &bundled("bun/s1.heapsnapshot"), &bundled("bun/s3.heapsnapshot"), "LeakyConn"]);
    assert_eq!(bun["alive"]["instances"], 60);
    assert_eq!(bun["alive"]["old_instances"], Value::Null);
    assert!(bun["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "no-identity"));
}

#[test]
fn the_tree_is_written_within_the_width() {
    let expected = "\
127 RequestContext, retain 3.5 KiB; held through 1 place

127  globalThis.flushAudit() var prices Emitter .listeners Array  <- fan-out
       [x] onPriceChange() var context → RequestContext
";
    assert_eq!(run(&["paths", &leak(7), "RequestContext"]).text(), expected);
    let ascii = run(&["paths", &leak(7), "RequestContext", "--ascii"]);
    assert!(ascii.text().is_ascii() && ascii.text().contains("var context -> RequestContext"));
    for class in ["(closure)", "(string)", "(array)", "Object", "Array"] {
        let run = run(&["paths", &leak(7), class]);
        assert_eq!(run.code, Some(0), "{class}");
        assert!(run.text().lines().all(|line| line.chars().count() <= 80), "{class}: {}", run.text());
    }
}

#[test]
fn limits_depth_and_avoided_classes() {
    let all = alive(&[&leak(7), "(closure)", "-n", "0"]);
    let places = all["holders_of"].as_u64().unwrap();
    assert!(places > 3 && holders(&all).len() as u64 == places);
    let few = alive(&[&leak(7), "(closure)", "-n", "3"]);
    assert_eq!((holders(&few).len(), few["holders_of"].as_u64()), (3, Some(places)));
    assert!(run(&["paths", &leak(7), "(closure)", "-n", &(places - 1).to_string()]).text().ends_with("\n[1 more place]\n"));
    let short = alive(&[&leak(7), "RequestContext", "--depth", "2"]);
    assert_eq!(holders(&short), [(127, "system / Context var context → RequestContext")]);
    // Nothing but the listener leads to a context.
    let avoided = alive(&[&leak(7), "RequestContext", "--avoid", "^onPriceChange"]);
    assert_eq!(holders(&avoided).len(), 0);
    assert_eq!((avoided["avoided"].as_u64(), avoided["unreached"].as_u64()), (Some(127), Some(0)));
    let table = run(&["paths", &leak(7), "RequestContext", "--avoid", "^onPriceChange"]);
    assert!(table.text().contains("; 127 only through what --avoid skips\n"), "{table:?}");
}

#[test]
fn one_node_by_its_id() {
    let path = bundled("isolates/mr06-s3.heapsnapshot");
    let content: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let fields = content["snapshot"]["meta"]["node_fields"].as_array().unwrap().len();
    let nodes = content["nodes"].as_array().unwrap();
    let name = |node: &[Value]| content["strings"][usize::try_from(node[1].as_u64().unwrap()).unwrap()].clone();
    let id = nodes.chunks(fields).find(|node| name(node) == "LeakyConn" && node[0] == 3).unwrap()[2].to_string();
    for (id, files) in [(id.clone(), &[&path[..]][..]), (format!("@{id}"), &[&bundled("isolates/mr06-s1.heapsnapshot"), &path])] {
        let alive = alive(&[files, &["--node", &id]].concat());
        assert_eq!(alive["of"], format!("@{}", id.trim_start_matches('@')));
        assert_eq!((&alive["class"], &alive["old_instances"]), (&Value::from("LeakyConn"), &Value::Null));
        assert_eq!(holders(&alive), [(1, "globalThis.conns Array [x] → LeakyConn")]);
    }
    let table = run(&["paths", &path, "--node", &id]);
    assert!(table.text().starts_with(&format!("1 LeakyConn @{id}, retains ")), "{table:?}");
}

/// A page: a tree of one detached node whose record says so and two whose records do not, and objects of the program.
fn page(native_ids: u64) -> Vec<u8> {
    const FIELDS: [&str; 6] = ["type", "name", "id", "self_size", "edge_count", "detachedness"];
    let strings = ["", "Window", "Client", "<div>", "<span>", "kept", "node"];
    let [object, native, synthetic] =
        ["object", "native", "synthetic"].map(|kind| KINDS.iter().position(|&k| k == kind).unwrap());
    let mut nodes = json!([synthetic, 0, 1, 0, 1, 0, object, 1, 3, 16, 31, 0]);
    let mut edges = json!([5, 5, 6, 2, 6, 6 * 32]);
    let add = |list: &mut Value, fields: &[u64]| list.as_array_mut().unwrap().extend(fields.iter().map(|&field| field.into()));
    for client in 0..30 {
        add(&mut nodes, &[object as u64, 2, 5 + 2 * client, 16, 0, 0]);
        add(&mut edges, &[2, 5, 6 * (2 + client)]);
    }
    for (name, children, detachedness) in [(3, 2, 2), (4, 0, 0), (4, 0, 0)] {
        let id = native_ids + nodes.as_array().unwrap().len() as u64;
        add(&mut nodes, &[native as u64, name, id * 2, 64, children, detachedness]);
    }
    add(&mut edges, &[2, 6, 6 * 33, 2, 6, 6 * 34]);
    let meta = json!({
        "node_fields": FIELDS,
        "node_types": [KINDS, "string", "number", "number", "number", "number"],
        "edge_fields": ["type", "name_or_index", "to_node"],
        "edge_types": [["context", "element", "property", "internal", "hidden", "shortcut", "weak"], "string_or_number", "node"],
    });
    let snapshot = json!({"meta": meta, "node_count": 35, "edge_count": 34});
    serde_json::to_vec(&json!({"snapshot": snapshot, "nodes": nodes, "edges": edges, "strings": strings})).unwrap()
}

#[test]
fn native_nodes_are_found_by_their_own_record_and_by_what_is_handed_on() {
    let folder = folder();
    let file = put(folder.path(), "page.heapsnapshot", &page(1000));
    for row in report(&["top", &file, "-n", "0"])["groups"].as_array().unwrap() {
        let class = row["key"][0].as_str().unwrap();
        assert_eq!(alive(&[&file, class])["instances"], row["count"][0], "{class}");
    }
    for (class, instances) in [("<span>", 2), ("Detached <span>", 2), ("Detached <div>", 1)] {
        assert_eq!(alive(&[&file, class])["instances"], instances, "{class}");
    }
    assert!(run(&["paths", &file, "<div>"]).refusal().contains("no object is called <div>"));
}

#[test]
fn native_nodes_are_never_called_new() {
    let folder = folder();
    let files = [1000, 2000].map(|ids| put(folder.path(), &format!("{ids}.heapsnapshot"), &page(ids)));
    let [first, last] = [&files[0][..], &files[1]];
    let spans = report(&["paths", first, last, "<span>"]);
    assert_eq!((spans["alive"]["instances"].as_u64(), &spans["alive"]["old_instances"]), (Some(2), &Value::Null));
    assert!(spans["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "no-identity"));
    assert!(run(&["paths", first, last, "Client"]).refusal().contains("no Client is new, all 30 were there"));
}

#[test]
fn where_objects_were_allocated_is_told_where_it_was_recorded() {
    let file = bundled("isolates/ivm-track-s3.heapsnapshot");
    let origin = alive(&[&file, "LeakyConn"])["allocated_at"].clone();
    let rows = report(&["top", &file, "--by", "class,stack", "--focus", "^LeakyConn$", "-n", "0"])["groups"].clone();
    let of_class = rows.as_array().unwrap().iter().filter(|row| row["key"][0] == "LeakyConn" && row["key"][1] != "[not tracked]");
    let counts: Vec<_> = of_class.map(|row| (&row["count"][0], &row["frames"])).collect();
    assert!(counts.contains(&(&origin["instances"], &origin["frames"])));
    assert_eq!(origin["instances"].as_u64(), counts.iter().filter_map(|(count, _)| count.as_u64()).max());
    assert!(run(&["paths", &file, "LeakyConn"]).text().contains("\nallocated by "));
    assert_eq!(alive(&[&leak(7), "RequestContext"])["allocated_at"], Value::Null);
}

#[test]
fn what_cannot_be_told_is_refused() {
    let missing = run(&["paths", &leak(7), "NoSuchClass"]);
    assert!(missing.refusal().trim_end().ends_with("no object is called NoSuchClass"));
    for near in ["requestcontext", "RequestContex", "RequestContexts"] {
        let run = run(&["paths", &leak(7), near]);
        assert!(run.refusal().contains(&format!("no object is called {near}; did you mean RequestContext?")), "{run:?}");
    }
    for args in [
        &["paths", &leak(1)][..],
        &["paths", &leak(1), &leak(2)],
        &["paths", "-", "Foo"],
        &["paths", &leak(1), "X", "--avoid", "("],
        &["paths", &leak(7), "RequestContext", "--format", "folded"],
        &["paths", &leak(1), "--node", "@x"],
    ] {
        assert_eq!(run(args).code, Some(2), "{args:?}");
    }
    let dumps = folder();
    let dump = put(dumps.path(), "stacks.json", b"[[[\"a.py\", 1, \"f\", \"\"]]]");
    assert!(run(&["paths", &dump, "dict"]).refusal().contains("needs references"));
    assert!(run(&["trend", "--why", &dump, &dump, &dump]).refusal().contains("needs references"));
    assert_eq!(run(&["--why", &leak(1)]).code, Some(2));
}

#[test]
fn findings_say_what_keeps_their_growth_alive() {
    let report = report(&["trend", "--why", "fixtures/v8/leak"]);
    let finding = &report["findings"][0];
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!((finding["groups_explained"].as_u64(), finding["groups_growing"].as_u64()), (Some(3), Some(3)));
    let causes = finding["causes"].as_array().unwrap();
    assert_eq!((causes.len(), &causes[0]["kind"]), (1, &Value::from("place")));
    assert_eq!(causes[0]["text"], "globalThis.flushAudit() var prices Emitter .listeners Array [x] → onPriceChange()");
    // As many listeners stand there as there are contexts, and their steps are the finding's.
    assert_eq!(causes[0]["count"], report["groups"][0]["count"]);
    assert_eq!(causes[0]["steps"], finding["steps"]);
    // Nothing else holds them: all of it would go away.
    let last = |row: &Value| row["self_size"].as_array().unwrap().last().unwrap().as_u64().unwrap();
    assert!(finding["share"]["exclusive"].as_u64().unwrap() >= last(&report["groups"][0]));
    assert_eq!(finding["share"]["shared"], 0);
}

#[test]
fn causes_need_no_ids_and_no_order_of_processes() {
    // Snapshots of another run of the program between the first one's, as after a restart.
    let report =
        report(&["trend", "--why", &bundled("bun/s1.heapsnapshot"), &bundled("bun/s3.heapsnapshot"), "--order", "given"]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    assert_eq!(report["other_causes"][0]["text"], "globalThis.__registry.conns Array [x] → LeakyConn");
    assert_eq!(report["other_causes"][0]["count"], serde_json::json!([20, 60]));
}

#[test]
fn two_snapshots_show_places() {
    let report = report(&["diff", "--why", &leak(1), &leak(7)]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    let without = crate::support::report(&["diff", &leak(1), &leak(7)]);
    assert_eq!(report["groups"], without["groups"]);
}

/// The causes of a finding, first of all finding and cause.
fn causes(report: &Value) -> Vec<&str> {
    report["findings"][0]["causes"].as_array().unwrap().iter().map(|cause| cause["text"].as_str().unwrap()).collect()
}

fn explained(files: &[String]) -> Value {
    let args: Vec<&str> = ["trend", "--why"].into_iter().chain(files.iter().map(String::as_str)).collect();
    report(&args)
}

/// The series of the whole corpus, where `HEAPDIFF_CORPUS` names a folder with it: the cause is the known leak.
#[test]
#[expect(clippy::print_stderr, reason = "says that it did nothing")]
fn causes_of_a_whole_corpus_are_the_known_leaks() {
    let Some(folder) = std::env::var_os("HEAPDIFF_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: HEAPDIFF_CORPUS names no folder");
        return;
    };
    let file = |name: &str| text(&folder.join("v8").join(format!("{name}.heapsnapshot.zst")));
    let conns = "globalThis.__registry.conns Array [x] → LeakyConn";
    let node20 = explained(&(1..=5).map(|at| file(&format!("node20-leaky/s{at}"))).collect::<Vec<_>>());
    assert_eq!(causes(&node20), [conns]);
    assert_eq!(node20["findings"][0]["groups_explained"], 5);
    for version in ["node12.22.12", "node16.20.2", "node22.23.3", "node26.10.0"] {
        let found = explained(&[1, 3, 5].map(|at| file(&format!("versions/{version}-s{at}"))));
        assert_eq!(causes(&found)[0], conns, "{version}");
    }
    let files: Vec<String> = (2..=6).map(|at| file(&format!("grpc-channels/s{at}"))).collect();
    let grpc = explained(&files);
    let (finding, totals) = (&grpc["findings"][0], grpc["totals"]["self_size"].as_array().unwrap());
    assert_eq!(grpc["findings"].as_array().unwrap().len(), 1);
    let (explained, growing) = (finding["groups_explained"].as_u64().unwrap(), finding["groups_growing"].as_u64().unwrap());
    assert!(growing > 70 && explained * 10 >= growing * 9, "{explained} of {growing}");
    let growth = totals[4].as_i64().unwrap() - totals[0].as_i64().unwrap();
    let within: i64 = finding["causes"].as_array().unwrap().iter().filter_map(|cause| cause["size_growth"].as_i64()).sum();
    assert!(within * 10 >= growth * 9, "{within} of {growth}");
    let of_grpc =
        ["InternalChannel", "Subchannel", "Http2Transport", "ChannelzInfoTracker", "ResolvingLoadBalancer", "DnsResolver"];
    let headline = finding["members"][0]["name"].as_str().unwrap();
    assert!(of_grpc.contains(&headline), "{headline}");
    assert!(causes(&grpc).iter().any(|text| text.contains("registerChannelzSubchannel() var entityMap")), "{:?}", causes(&grpc));
}

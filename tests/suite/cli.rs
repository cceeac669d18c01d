//! The command line: exit codes, where output goes, what is said on standard error.

use std::path::Path;

use crate::support::synth::{self, Style};
use crate::support::{Rng, command, corpus, finish, folder, leak, put, repository, run, run_with_input, text};

fn small(folder: &Path) -> String {
    put(folder, "small.heapsnapshot", &synth::file(&synth::objects(&mut Rng(51), 50), &Style::new()))
}

const FORMATS: [&str; 6] = ["table", "json", "ndjson", "csv", "markdown", "brief"];

#[test]
fn usage_errors_exit_with_2() {
    let file = leak(1);
    for args in [
        &["--nonsense"][..],
        &["top"],
        &["top", &file, &file],
        &["diff", &file],
        &["diff", &file, &file, &file],
        &["trend", &file],
        &["top", &file, "--by", "nonsense"],
        &["top", &file, "--sort", "nonsense"],
        &["top", &file, "--format", "nonsense"],
        &["top", &file, "-n", "-1"],
        &["top", &file, "--focus", "("],
        &["top", &file, "--ignore", "["],
        &["top", &file, "--sizes", "nonsense"],
        &["top", &file, "--color", "nonsense"],
        &["top", &file, "--threads", "0"],
        &["top", &file, "--threads", "many"],
        &["top", &file, "-o", "json"],
        &["top", &file, "-o", "json="],
        &["top", &file, "-o", "nonsense=x"],
        &["summary", &file, "--threads", "0"],
        &["trend", &file, &file, "--order", "nonsense"],
        &["completions", "nonsense"],
        &["top", "fixtures/v8/leak"],
        &["diff", "fixtures/v8/leak", &file],
    ] {
        let run = run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}: {run:?}");
    }
}

#[test]
fn any_number_of_threads_may_be_asked_for() {
    let folder = folder();
    let path = small(folder.path());
    let report = run(&["top", &path]);
    assert_eq!(report.code, Some(0));
    for threads in ["1", "64", "100000", "18446744073709551615"] {
        assert_eq!(run(&["top", &path, "--threads", threads]), report, "{threads}");
    }
}

#[test]
fn without_arguments_help_is_shown_as_a_usage_error() {
    let run = run::<&str>(&[]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("Usage: "));
}

#[test]
fn inputs_that_cannot_be_read_exit_with_3() {
    let empty = folder();
    let no_snapshots = folder();
    put(no_snapshots.path(), "notes.txt", b"nothing");
    put(no_snapshots.path(), "package.json", b"{\"name\":1}");
    let without_content = folder();
    let no_content = put(without_content.path(), "empty.heapsnapshot", b"");
    for args in [
        &["top", "no/such/file"][..],
        &["no/such/file"],
        &["diff", &leak(1), "no/such/file"],
        &["trend", &leak(1), &leak(2), "no/such/file"],
        &["verify", "no/such/file"],
        &["summary", "no/such/file"],
        &["trend", &text(empty.path())],
        &[&text(empty.path())],
        &["verify", &text(empty.path())],
        &["trend", &text(no_snapshots.path())],
        &["top", &no_content],
        &["summary", "fixtures/v8/leak"],
        &["top", &leak(1), "--focus", "no group has this name"],
        &["top", &leak(1), "--ignore", "."],
        &["top", &leak(1), "--kind", "nonsense"],
        &["trend", &leak(1), &leak(2), &leak(3), "--focus", "no group has this name"],
        &["diff", "-", "-"],
        &["trend", "-", &leak(1), "-"],
    ] {
        run(args).refusal();
    }
    for args in [["top", "-"], ["verify", "-"], ["summary", "-"]] {
        run_with_input(&args, b"").refusal();
    }
}

#[test]
#[cfg(unix)]
fn files_without_permission_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = small(folder.path());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if std::fs::read(&path).is_err() {
        assert!(run(&["top", &path]).refusal().contains("denied"));
    }
}

#[test]
fn verify_names_every_broken_file() {
    let folder = folder();
    let whole = small(folder.path());
    let a = put(folder.path(), "a", b"{\"snapshot\":");
    let b = put(folder.path(), "b", b"");
    let run = run(&["verify", &a, &whole, &b]);
    assert_eq!(run.code, Some(3));
    assert!(run.stdout.is_empty());
    assert_eq!(run.stderr.lines().count(), 2);
    assert!(run.stderr.contains(&format!("{a}: ")) && run.stderr.contains(&format!("{b}: ")));
}

#[test]
fn help_fits_80_columns() {
    let commands =
        [&["top"][..], &["diff"], &["trend"], &["check"], &["verify"], &["summary"], &["schema"], &["completions"], &["man"]];
    for command in [&[][..]].iter().chain(&commands) {
        for flag in ["-h", "--help"] {
            let mut args = command.to_vec();
            args.push(flag);
            let run = run(&args);
            assert_eq!(run.code, Some(0), "{args:?}");
            assert!(run.stderr.is_empty());
            for line in run.text().lines() {
                assert!(line.chars().count() <= 80, "{args:?}: {line}");
            }
        }
    }
    assert!(run(&["--help"]).text().contains("Exit codes"));
    assert_eq!(run(&["--version"]).text(), format!("heapdiff {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_exist_for_all_shells_and_a_manual_page() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run(&["completions", shell]);
        assert_eq!(run.code, Some(0), "{shell}");
        for word in ["heapdiff", "trend", "--focus"] {
            let found = run.text().contains(word) || shell == "fish" && run.text().contains(word.trim_start_matches('-'));
            assert!(found, "{shell} lacks {word}");
        }
    }
    let manual = run(&["man"]);
    assert_eq!(manual.code, Some(0));
    for word in [".TH", "heapdiff", "trend", "summary"] {
        assert!(manual.text().contains(word), "{word}");
    }
}

#[test]
fn colours_follow_the_settings() {
    let folder = folder();
    let path = small(folder.path());
    let coloured = |settings: &[(&str, &str)], args: &[&str]| {
        let mut command = command();
        command.args(["top", &path]).args(args).envs(settings.iter().copied());
        let run = finish(command);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout.contains(&0x1b)
    };
    assert!(!coloured(&[], &[]));
    assert!(coloured(&[], &["--color", "always"]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "0")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
    assert!(coloured(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!coloured(&[("TERM", "dumb")], &[]));
    for format in ["json", "ndjson", "csv", "markdown", "brief"] {
        assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--format", format]), "{format}");
    }
}

#[test]
fn tables_fit_80_columns_and_ascii_is_kept() {
    let odd = text(&corpus("chromium-worker/odd.heapsnapshot"));
    let bun = text(&corpus("odd/odd-bun.heapsnapshot"));
    for args in [&["top", &odd, "-n", "0"][..], &["top", &bun, "-n", "0"], &["fixtures/v8/leak"], &["diff", &leak(1), &leak(7)]] {
        let table = run(args);
        assert_eq!(table.code, Some(0), "{table:?}");
        for line in table.text().lines() {
            let columns = heapdiff::text::width(line);
            assert!(columns <= 80, "{args:?}: {columns} columns: {line}");
            assert!(!line.chars().any(heapdiff::text::is_unsafe), "{args:?}: {line:?}");
        }
        let ascii = run(&[args, &["--ascii"]].concat());
        assert!(ascii.stdout.is_ascii(), "{args:?}");
    }
}

#[test]
fn brief_is_at_most_4_kilobytes() {
    let odd = text(&corpus("chromium-worker/odd.heapsnapshot"));
    for args in [&["top", &odd, "-n", "0"][..], &["fixtures/v8/leak", "-n", "0"], &["diff", &leak(1), &leak(7), "-n", "0"]] {
        let brief = run(&[args, &["--format", "brief"]].concat());
        assert!(brief.json().is_object() && brief.stdout.len() <= 4096, "{args:?}: {} bytes", brief.stdout.len());
    }
}

#[test]
fn warnings_go_to_standard_error_in_every_format() {
    let args = ["diff", &leak(5), &leak(2)];
    for format in FORMATS {
        let run = run(&[&args[..], &["--format", format]].concat());
        assert_eq!(run.code, Some(0));
        assert!(run.stderr.lines().count() == 1 && run.stderr.contains("warning: "), "{format}: {}", run.stderr);
        let quiet = crate::support::run(&[&args[..], &["--format", format, "-q"]].concat());
        assert!(quiet.stderr.is_empty(), "{format}: {}", quiet.stderr);
        assert!(quiet.stdout == run.stdout, "{format}");
    }
    let padded = text(&corpus("odd/nul-padded.heapsnapshot"));
    for command in ["top", "verify", "summary"] {
        assert_eq!(run(&[command, &padded]).stderr.lines().count(), 1, "{command}");
        assert!(run(&[command, &padded, "-q"]).stderr.is_empty(), "{command}");
    }
}

#[test]
fn contents_of_strings_are_in_no_output() {
    let folder = folder();
    let mut objects = synth::objects(&mut Rng(52), 30);
    for (i, kind) in ["string", "concatenated string", "sliced string", "symbol", "regexp", "number", "bigint"].iter().enumerate()
    {
        objects.push(synth::object(kind, &format!("SECRET{i}"), 10_001 + 2 * i as u64, 1 << 20));
    }
    let path = put(folder.path(), "content", &synth::file(&objects, &Style::new()));
    for format in FORMATS {
        for by in ["class", "kind,name"] {
            let run = run(&["top", &path, "-n", "0", "--by", by, "--format", format]);
            assert!(run.code == Some(0) && !run.text().contains("SECRET"), "{format}");
        }
    }
    assert!(!run(&["summary", &path]).text().contains("SECRET"));
    assert!(!run(&["verify", &path]).text().contains("SECRET"));
}

#[test]
fn names_made_to_harm_reach_no_terminal() {
    let folder = folder();
    let names = [
        "\\u001b[31mred\\u001b[0m",
        "\\u009b31m",
        "a\\nb\\r::error::c",
        "\\u202eevil",
        "zero\\u200bwidth",
        "=HYPERLINK(\\\"http://x\\\")",
        "a|b`c`",
        "<script>alert(1)</script>",
        "bell\\u0007",
    ];
    let objects: Vec<synth::Object> =
        (0..).zip(names).map(|(i, name)| synth::object("object", name, 2 * i + 1, 1000 + i)).collect();
    let path = put(folder.path(), "content", &synth::file(&objects, &Style::new()));
    for format in FORMATS {
        let run = run(&["top", &path, "-n", "0", "--format", format]);
        assert_eq!(run.code, Some(0));
        let unsafe_character = run.text().chars().find(|&c| c != '\n' && heapdiff::text::is_unsafe(c));
        assert_eq!(unsafe_character, None, "{format}");
        assert!(!run.text().lines().any(|line| line.starts_with("::error") || line.starts_with('=')), "{format}");
    }
    let strange = folder.path().join("a\u{1b}[31m\nb");
    std::fs::write(&strange, b"nothing").unwrap();
    let run = run(&["top", &text(&strange)]);
    assert!(!run.refusal().contains('\u{1b}'));
}

#[test]
fn a_path_of_the_report_is_as_it_was_given() {
    let report = crate::support::report(&["top", "./fixtures/../fixtures/v8/leak/s1.heapsnapshot"]);
    assert_eq!(report["inputs"][0]["path"], "./fixtures/../fixtures/v8/leak/s1.heapsnapshot");
    assert_eq!(report["inputs"][0]["file_bytes"], std::fs::metadata(repository().join(leak(1))).unwrap().len());
}

#[test]
fn messages_quote_no_contents() {
    let folder = folder();
    let strings = |strings: &str| {
        let mut file = synth::file(&[synth::object("object", "Job", 1, 8)], &Style::required());
        let at = file.windows(9).position(|window| window == b"\"strings\"").unwrap();
        file.truncate(at);
        [&file[..], format!("\"strings\":{strings}}}").as_bytes()].concat()
    };
    for content in [
        strings("[\"<dummy>\" \"S3CRET\",\"Job\"]"),
        strings("[\"<dummy>\",\"Job\\qS3CRET\"]"),
        strings("[\"<dummy>\",\"Job\",S3CRET]"),
        b"{\"address\": 1, \"type\": \"str\", \"size\": 9, \"value\": \"\\qS3CRET\", \"refs\": []}\n".to_vec(),
        b"{\"address\": 1, \"type\": \"str\", \"size\": S3CRET, \"refs\": []}\n".to_vec(),
        b"{\"address\":\"0x7f\", \"type\":\"STRING\", \"class\":\"0x1\", \"memsize\": \"S3CRET\"}\n".to_vec(),
        b"[[[\"a.py\",1,\"f\",\"x\" \"S3CRET\"]]]".to_vec(),
    ] {
        let path = put(folder.path(), "broken", &content);
        for command in ["top", "verify"] {
            let message = run(&[command, &path]).refusal().to_owned();
            assert!(!message.contains("S3C"), "{message}");
        }
    }
}

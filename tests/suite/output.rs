//! Where reports go: files that are complete or untouched, pipes that close, signals, files that change under the reader.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::synth::{self, Style};
use crate::support::{Rng, command, finish, folder, gzip, leak, put, repository, run, text};

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn output(format: &str, path: &Path) -> String {
    format!("{format}={}", text(path))
}

#[test]
fn a_report_may_go_to_several_files() {
    let folder = folder();
    let formats = ["table", "json", "ndjson", "csv", "markdown", "brief"];
    let files: Vec<String> = formats.iter().map(|format| output(format, &folder.path().join(format))).collect();
    let mut args = vec!["diff", "fixtures/v8/leak/s1.heapsnapshot", "fixtures/v8/leak/s2.heapsnapshot", "--color", "always"];
    args.extend(files.iter().flat_map(|file| ["-o", file.as_str()]));
    assert_eq!(run(&args).code, Some(0));
    for format in formats {
        let written = std::fs::read(folder.path().join(format)).unwrap();
        let shown = run(&["diff", &leak(1), &leak(2), "--format", format]).stdout;
        assert!(!shown.is_empty() && written == shown, "{format}");
    }
    assert_eq!(entries(folder.path()).len(), formats.len());
    let mode = std::fs::metadata(folder.path().join("json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o400, 0o400);
}

#[test]
fn a_file_is_replaced_whole_or_left_as_it_was() {
    let folder = folder();
    let path = folder.path().join("report.json");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    run(&["top", "no/such/file", "-o", &output("json", &path)]).refusal();
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    run(&["top", &leak(1), "--focus", "no such name", "-o", &output("json", &path)]).refusal();
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(entries(folder.path()), ["report.json"]);
    assert_eq!(run(&["top", &leak(1), "-o", &output("json", &path)]).code, Some(0));
    assert!(serde_json::from_slice::<serde_json::Value>(&std::fs::read(&path).unwrap()).unwrap().is_object());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(entries(folder.path()), ["report.json"]);
}

#[test]
fn a_link_keeps_pointing_where_it_points() {
    let folder = folder();
    let (target, link) = (folder.path().join("target.json"), folder.path().join("link.json"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink("target.json", &link).unwrap();
    assert_eq!(run(&["top", &leak(1), "-o", &output("json", &link)]).code, Some(0));
    assert!(std::fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
    assert!(std::fs::read(&target).unwrap().starts_with(b"{"));
    assert_eq!(entries(folder.path()), ["link.json", "target.json"]);
}

#[test]
fn a_link_to_nothing_yet_makes_its_target() {
    let folder = folder();
    let (target, link) = (folder.path().join("target.json"), folder.path().join("link.json"));
    std::os::unix::fs::symlink("target.json", &link).unwrap();
    assert_eq!(run(&["top", &leak(1), "-o", &output("json", &link)]).code, Some(0));
    assert!(std::fs::symlink_metadata(&link).unwrap().file_type().is_symlink(), "the link was replaced");
    assert!(std::fs::read(&target).unwrap().starts_with(b"{"));
}

#[test]
fn places_that_cannot_be_written_exit_with_5() {
    let folder = folder();
    let missing = folder.path().join("no/such/folder/report.json");
    for place in [missing.as_path(), folder.path(), Path::new("/dev/full")] {
        let run = run(&["top", &leak(1), "-o", &output("json", place)]);
        assert_eq!(run.code, Some(5), "{place:?}: {run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
        assert!(run.stderr.contains(&text(place)), "{run:?}");
    }
    let summary = run(&["summary", &leak(1), "-o", &text(&missing)]);
    assert_eq!(summary.code, Some(5), "{summary:?}");
    // The place is looked at before the work starts.
    assert_eq!(run(&["top", "no/such/file", "-o", &output("json", &missing)]).code, Some(5));
}

#[test]
fn a_read_only_place_keeps_what_it_has() {
    let folder = folder();
    let path = folder.path().join("report.json");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let run = run(&["top", &leak(1), "-o", &output("json", &path)]);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(entries(folder.path()), ["report.json"]);
}

#[test]
fn a_full_disk_exits_with_5() {
    for args in [&["top", "fixtures/v8/leak/s1.heapsnapshot"][..], &["schema"], &["man"], &["completions", "bash"]] {
        let mut command = command();
        command.args(args).stdout(File::options().write(true).open("/dev/full").unwrap());
        let run = finish(command);
        assert_eq!(run.code, Some(5), "{args:?}: {run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    }
    let summary = run(&["summary", &leak(1), "-o", "/dev/full"]);
    assert_eq!(summary.code, Some(5), "{summary:?}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let big = ["--by", "kind,name", "-n", "0", "--format", "json"];
    for args in [&["top", "fixtures/v8/leak/s7.heapsnapshot"][..], &["fixtures/v8/leak"], &["summary"], &["schema"]] {
        let mut command = command();
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        match args[0] {
            "summary" => drop(command.arg(leak(1))),
            "schema" => {}
            _ => drop(command.args(big)),
        }
        let mut child = command.spawn().unwrap();
        // The reader has gone before anything is written.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}

#[test]
fn a_closed_standard_error_does_no_harm() {
    for (args, code) in [
        (vec!["diff".to_owned(), leak(5), leak(2)], 0),
        (vec!["top".to_owned(), "no/such/file".to_owned()], 3),
        (vec!["--nonsense".to_owned()], 2),
    ] {
        let mut shell = Command::new("sh");
        shell.current_dir(repository()).args(["-c", "exec \"$0\" \"$@\" 2>&-", env!("CARGO_BIN_EXE_heapdiff")]).args(&args);
        assert_eq!(finish(shell).code, Some(code), "{args:?}");
        let mut full = command();
        full.args(&args).stderr(File::options().write(true).open("/dev/full").unwrap());
        assert_eq!(finish(full).code, Some(code), "{args:?}");
    }
}

#[test]
fn a_named_pipe_is_read_like_a_file() {
    let folder = folder();
    let content = synth::file(&synth::objects(&mut Rng(61), 3000), &Style::classic());
    let expected = run(&["summary", &put(folder.path(), "plain", &content)]).stdout;
    for (name, content) in [("pipe", content.clone()), ("pipe.gz", gzip(&content))] {
        let pipe = folder.path().join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || File::options().write(true).open(pipe).unwrap().write_all(&content).unwrap())
        };
        let run = run(&["summary", &text(&pipe)]);
        writer.join().unwrap();
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout == expected, "{name}");
    }
}

#[test]
fn devices_without_content_are_refused() {
    for device in ["/dev/null", "/dev/zero"] {
        run(&["top", device]).refusal();
    }
}

/// Sends a signal to a process.
fn signal(name: &str, child: &std::process::Child) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn signals_end_the_program_without_a_trace() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let folder = folder();
        let path = folder.path().join("report.json");
        std::fs::write(&path, "old").unwrap();
        let mut child = command()
            .args(["top", "-", "-o", &output("json", &path)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"{\"snapshot\":").unwrap();
        // Once its temporary file is there, the program waits for more of a document that never ends.
        while entries(folder.path()).len() < 2 {
            assert_eq!(child.try_wait().unwrap(), None);
            std::thread::sleep(Duration::from_millis(2));
        }
        signal(name, &child);
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(output.stdout.is_empty());
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panic"), "{output:?}");
        assert_eq!(entries(folder.path()), ["report.json"], "{name}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }
}

/// Runs the program over and over while a thread does something to its input.
fn under_change(path: &str, change: impl Fn() + Send + 'static, runs: usize) {
    let done = Arc::new(AtomicBool::new(false));
    let changer = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                change();
            }
        })
    };
    for _ in 0..runs {
        let mut child = command().args(["summary", path]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut stderr) = (Vec::new(), String::new());
        child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), None, "{stderr}");
        match status.code() {
            Some(0) => assert!(serde_json::from_slice::<serde_json::Value>(&stdout).is_ok()),
            code => assert!(code == Some(3) && stdout.is_empty() && !stderr.contains("panic"), "{code:?}: {stderr}"),
        }
    }
    done.store(true, Ordering::Relaxed);
    changer.join().unwrap();
}

#[test]
fn a_file_that_is_cut_short_while_it_is_read_kills_nobody() {
    let folder = folder();
    let content = std::fs::read(repository().join(leak(7))).unwrap();
    let path = put(folder.path(), "content", &content);
    let changed = path.clone();
    under_change(
        &path,
        move || {
            let file = File::options().write(true).open(&changed).unwrap();
            for length in [content.len() / 2, 4096, 100] {
                file.set_len(length as u64).unwrap();
                std::thread::sleep(Duration::from_millis(3));
            }
            crate::support::overwrite(&changed, &content);
            std::thread::sleep(Duration::from_millis(15));
        },
        60,
    );
}

#[test]
fn a_file_that_is_rewritten_while_it_is_read_kills_nobody() {
    let folder = folder();
    let contents = [2, 7].map(|number| std::fs::read(repository().join(leak(number))).unwrap());
    let path = put(folder.path(), "content", &contents[0]);
    let changed = path.clone();
    under_change(
        &path,
        move || {
            for content in &contents {
                let mut file = File::options().write(true).open(&changed).unwrap();
                file.write_all(content).unwrap();
                file.set_len(content.len() as u64).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        },
        30,
    );
}

#[test]
fn a_file_that_is_replaced_or_deleted_is_read_as_it_was_or_refused() {
    let folder = folder();
    let contents = [2, 7].map(|number| std::fs::read(repository().join(leak(number))).unwrap());
    let path = put(folder.path(), "content", &contents[0]);
    let (changed, beside) = (path.clone(), text(&folder.path().join("beside")));
    under_change(
        &path,
        move || {
            for content in &contents {
                std::fs::write(&beside, content).unwrap();
                std::fs::rename(&beside, &changed).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            std::fs::remove_file(&changed).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        },
        30,
    );
}

#[test]
fn no_output_takes_the_place_of_an_input_or_of_another() {
    let folder = folder();
    let (path, link) = (folder.path().join("s.heapsnapshot"), folder.path().join("link"));
    std::fs::copy(repository().join(leak(1)), &path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (file, link, twice) = (text(&path), text(&link), output("json", &folder.path().join("./report")));
    let other = output("csv", &folder.path().join("report"));
    for args in [
        &["top", &file, "-o", &output("csv", &path)][..],
        &["top", &link, "-o", &output("csv", &path)],
        &["top", &file, "-o", &format!("csv={link}")],
        &["paths", &file, "Job", "-o", &output("json", &path)],
        &["check", &file, "--max", "Job=0", "-o", &output("json", &path)],
        &["summary", &file, "-o", &file],
        &["anonymize", &file, &link],
        &["top", &file, "-o", &twice, "-o", &other],
    ] {
        let run = run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(repository().join(leak(1))).unwrap());
    assert_eq!(entries(folder.path()), ["link", "s.heapsnapshot"]);
    assert_eq!(run(&["top", &file, "-o", "json=/dev/null", "-o", "csv=/dev/null"]).code, Some(0));
}

#[test]
fn a_limit_for_files_is_like_a_full_disk() {
    let folder = folder();
    let copy = folder.path().join("copy");
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "ulimit -f 10; exec \"$0\" anonymize \"$1\" \"$2\"",
        env!("CARGO_BIN_EXE_heapdiff"),
        &leak(1),
        &text(&copy),
    ]);
    limited.current_dir(repository());
    let run = finish(limited);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(entries(folder.path()).is_empty());
}

/// `bash` gives the output of a command as a pipe with a name, which can be read once.
#[test]
fn pipes_with_names_are_read_once() {
    let shell = |script: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-c", script, env!("CARGO_BIN_EXE_heapdiff")]).current_dir(repository());
        finish(bash)
    };
    if shell("exit 7").code != Some(7) {
        return;
    }
    let (files, pipes) = (
        "fixtures/v8/leak/s1.heapsnapshot fixtures/v8/leak/s7.heapsnapshot",
        "<(cat fixtures/v8/leak/s1.heapsnapshot) <(gzip -c fixtures/v8/leak/s7.heapsnapshot)",
    );
    let read = |inputs: &str| {
        let run = shell(&format!("\"$0\" diff {inputs} --format json"));
        assert_eq!(run.code, Some(0), "{run:?}");
        let report = run.json();
        (report["groups"].clone(), report["totals"].clone())
    };
    assert_eq!(read(pipes), read(files));
    for command in ["paths <(cat fixtures/v8/leak/s1.heapsnapshot) Job", "anonymize <(cat fixtures/v8/leak/s1.heapsnapshot) -"] {
        let run = shell(&format!("\"$0\" {command}"));
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("more than once"), "{run:?}");
    }
}

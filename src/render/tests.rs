//! Every format against golden files, identities of the figures shown, and names made to do harm.

use std::path::PathBuf;

use super::*;

fn rendered(format: &str, report: &Report, style: &Style) -> String {
    let mut out = Vec::new();
    by_name(format).unwrap().render(report, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Compares with `tests/golden/render/<name>.txt`, or writes it when `HEAPDIFF_BLESS=1`.
fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/render").join(format!("{name}.txt"));
    if std::env::var_os("HEAPDIFF_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "{name} differs from its golden file; HEAPDIFF_BLESS=1 accepts it:\n{actual}");
}

#[test]
fn formats_match_their_golden_files() {
    let wide = Style { width: 120, ..Style::default() };
    for (sample, report) in samples::all() {
        golden(&format!("{sample}-table-80"), &rendered("table", &report, &Style::default()));
        golden(&format!("{sample}-table-120"), &rendered("table", &report, &wide));
        for format in ["json", "ndjson", "csv", "markdown", "brief"] {
            golden(&format!("{sample}-{format}"), &rendered(format, &report, &Style::default()));
        }
    }
}

//! Source maps: where the functions of a script that a bundler or minifier made stand in its sources, and what they are called there.

use std::fs::File;
use std::path::{Path, PathBuf};

use sourcemap::{DecodedMap, SourceMap};

use crate::error::{Error, ErrorKind};
use crate::stacks::Frame;

/// Source maps, and which scripts they are of.
#[derive(Debug, Default)]
pub struct SourceMaps {
    maps: Vec<Map>,
}

#[derive(Debug)]
struct Map {
    /// The script's path as far as the map's own path and its `file` tell it.
    scripts: Vec<String>,
    map: SourceMap,
}

/// Lengths of what stands between a function's name and its parameters in a minified script: nothing, the `=` or `:` of an arrow
/// function, `=function`, `{constructor`.
const BEHIND_NAME: [u32; 4] = [0, 1, 9, 12];

/// What the name of a map adds to that of its script.
const SUFFIX: &str = ".map";

impl SourceMaps {
    /// Reads a map, or all files named `….map` in a folder and the folders in it.
    ///
    /// # Errors
    /// If a file cannot be read or is no source map, or the folder holds none.
    pub fn load(path: &str) -> Result<Self, Error> {
        let mut files = Vec::new();
        if Path::new(path).is_dir() {
            find(Path::new(path), &mut files).map_err(|error| ErrorKind::from(error).at(path))?;
            files.sort();
        } else {
            files.push(PathBuf::from(path));
        }
        if files.is_empty() {
            return Err(ErrorKind::Unrecognized(format!("the directory holds no source map (*{SUFFIX})")).at(path));
        }
        let maps = files.iter().map(|file| read(file).map_err(|kind| kind.at(&file.to_string_lossy())));
        Ok(Self { maps: maps.collect::<Result<_, _>>()? })
    }

    /// The frame as it stands in the sources; None where no map tells.
    #[must_use]
    pub fn resolve(&self, frame: &Frame) -> Option<Frame> {
        let map = self.of_script(&frame.script)?;
        let (line, column) = (frame.line.checked_sub(1)?, frame.column.saturating_sub(1));
        let at = |column| map.lookup_token(line, column).filter(|token| token.get_dst_line() == line);
        let token = at(column)?;
        // V8 says where the parameters begin.
        let length = u32::try_from(frame.function.encode_utf16().count()).ok().filter(|&length| length > 0);
        let begins = |before| at(column.checked_sub(before)?).filter(|token| column - token.get_dst_col() == before);
        let found = length.and_then(|length| BEHIND_NAME.iter().find_map(|behind| begins(length + behind)));
        let name = found.and_then(|token| token.get_name());
        Some(Frame {
            function: name.map_or_else(|| frame.function.clone(), str::to_owned),
            script: token.get_source()?.to_owned(),
            line: token.get_src_line().saturating_add(1),
            column: token.get_src_col().saturating_add(1),
        })
    }

    /// The map whose path has most in common with a script's; of several the first.
    fn of_script(&self, script: &str) -> Option<&SourceMap> {
        let script = script.split(['?', '#']).next().unwrap_or_default();
        let likeness = |map: &Map| map.scripts.iter().map(|other| common_tail(script, other)).max().unwrap_or(0);
        let maps = self.maps.iter().map(|map| (likeness(map), map)).filter(|&(likeness, _)| likeness > 0);
        maps.reduce(|most, map| if map.0 > most.0 { map } else { most }).map(|(_, map)| &map.map)
    }
}

/// Adds the maps in a folder and the folders in it. Links are not followed.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().to_string_lossy().ends_with(SUFFIX) {
                files.push(entry.path());
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Map, ErrorKind> {
    let wrong = |error: sourcemap::Error| match error {
        sourcemap::Error::Io(error) => ErrorKind::Io(error),
        other => ErrorKind::Unrecognized(format!("not a source map: {other}")),
    };
    let map = match sourcemap::decode(std::io::BufReader::new(File::open(path)?)).map_err(wrong)? {
        DecodedMap::Regular(map) => map,
        DecodedMap::Index(index) => index.flatten().map_err(wrong)?,
        DecodedMap::Hermes(_) => return Err(ErrorKind::Unrecognized("is a source map of Hermes, not of V8".to_owned())),
    };
    let path = path.to_string_lossy();
    let scripts = [Some(path.strip_suffix(SUFFIX).unwrap_or(&path)), map.get_file()];
    Ok(Map { scripts: scripts.into_iter().flatten().map(str::to_owned).collect(), map })
}

/// How many names at the end of two paths are equal.
fn common_tail(a: &str, b: &str) -> usize {
    let names = |path: &'_ str| path.rsplit(['/', '\\']).map(str::to_owned).collect::<Vec<_>>();
    names(a).iter().zip(&names(b)).take_while(|(a, b)| a == b && !a.is_empty()).count()
}

#[cfg(test)]
mod tests {
    use sourcemap::SourceMapBuilder;

    use super::*;

    fn frame(function: &str, script: &str, line: u32, column: u32) -> Frame {
        Frame { function: function.to_owned(), script: script.to_owned(), line, column }
    }

    /// `function a(b){return new c(b)}class c{}` on line 3, from two sources.
    fn bundle(file: Option<&str>) -> Vec<u8> {
        let mut builder = SourceMapBuilder::new(file);
        builder.add(2, 0, 9, 0, Some("src/pool.ts"), None, false);
        builder.add(2, 9, 9, 16, Some("src/pool.ts"), Some("openConnection"), false);
        builder.add(2, 10, 9, 30, Some("src/pool.ts"), None, false);
        builder.add(2, 30, 4, 0, Some("../node_modules/pg/lib/client.ts"), Some("Client"), false);
        let mut content = Vec::new();
        builder.into_sourcemap().to_writer(&mut content).unwrap();
        content
    }

    #[test]
    fn frames_are_found_in_their_sources() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("web/dist")).unwrap();
        std::fs::write(folder.path().join("web/dist/main.js.map"), bundle(None)).unwrap();
        std::fs::write(folder.path().join("other.map"), bundle(Some("/static/vendor.js"))).unwrap();
        let maps = SourceMaps::load(folder.path().to_str().unwrap()).unwrap();
        let found = maps.resolve(&frame("a", "https://example.org/dist/main.js?v=3", 3, 11));
        assert_eq!(found, Some(frame("openConnection", "src/pool.ts", 10, 31)));
        let found = maps.resolve(&frame("", "https://example.org/static/vendor.js", 3, 11));
        assert_eq!(found, Some(frame("", "src/pool.ts", 10, 31)));
        // No name where the map has one for another place; no other line's place.
        let found = maps.resolve(&frame("d", "main.js", 3, 36));
        assert_eq!(found, Some(frame("d", "../node_modules/pg/lib/client.ts", 5, 1)));
        assert_eq!(maps.resolve(&frame("a", "main.js", 4, 11)), None);
        assert_eq!(maps.resolve(&frame("a", "index.js", 3, 11)), None);
        assert_eq!(maps.resolve(&frame("push", "", 0, 0)), None);
    }

    /// What terser 5 made of a script, and where V8 says that its functions are.
    #[test]
    fn functions_of_a_minified_script_have_their_names_and_places() {
        const MAP: &str = r#"{"version":3,"names":["registry","ConnectionRecord","constructor","userName","this","openConnection",
            "push","handleRequest","requestNumber","index","length","closeAll","reason","last","globalThis","server","serveAll",
            "count"],"sources":["src/small.js"],"mappings":"AAAA,MAAMA,EAAW,GACjB,MAAMC,EACJ,WAAAC,CAAYC,GAAYC,KAAKD,SAAWA,CAAU,EAEpD,SAASE,EAAeF,GACtBH,EAASM,KAAK,IAAIL,EAAiBE,GACrC,CACA,MAAMI,EAAiBC,IACrB,IAAK,IAAIC,EAAQ,EAAGA,EAAQ,GAAIA,IAASJ,EAAeG,EAAgBC,GACxE,OAAOT,EAASU,QAEZC,EAAW,SAAUC,GAAUZ,EAASa,KAAO,IAAIZ,EAAiBM,EAAcK,GAAU,EAIlGE,WAAWC,OAAS,IAHpB,MACE,QAAAC,CAASC,GAASN,EAASM,EAAQ"}"#;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.js.map"), MAP).unwrap();
        let maps = SourceMaps::load(folder.path().to_str().unwrap()).unwrap();
        for (function, column, name, source_line) in [
            ("e", 31, "ConnectionRecord", 3),
            ("n", 62, "openConnection", 5),
            ("t", 91, "handleRequest", 8),
            ("l", 150, "closeAll", 12),
            ("serveAll", 210, "serveAll", 14),
            ("", 1, "", 1),
        ] {
            let found = maps.resolve(&frame(function, "/srv/dist/small.js", 1, column)).unwrap();
            assert_eq!((&*found.function, &*found.script, found.line), (name, "src/small.js", source_line), "{function}");
        }
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("main.js.map");
        let message = |path: &Path| SourceMaps::load(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(message(folder.path()).contains("holds no source map"));
        assert!(message(&path).contains("main.js.map: "));
        std::fs::write(&path, "{\"version\":3}").unwrap();
        std::fs::write(&path, "<html>").unwrap();
        assert!(message(folder.path()).contains("main.js.map: not a source map: "));
    }
}

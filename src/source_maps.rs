//! Source maps: where the functions of a script that a bundler or minifier made stand in its sources, and what they are called there.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
    /// Where the script itself would be.
    script: PathBuf,
    /// Its lines in UTF-16, which columns count in, if it is there.
    lines: OnceLock<Option<Vec<Vec<u16>>>>,
}

/// Units before a function's parameters among which its name is looked for.
const NAME_BEFORE_MAX: usize = 1 << 16;

/// What stands between a function's name and its parameters in a minified script.
const BEHIND_NAME: [&str; 8] = ["", "=", "=function", ":", "=async", "=async ", "=function*", "=async function"];
/// So many of them are told by their lengths alone, where the script is not at hand.
const GUESSED: usize = 3;

/// What the name of a map adds to that of its script.
const SUFFIX: &str = ".map";
/// How names of scripts end, which may hold their maps.
const SCRIPTS: [&str; 3] = [".js", ".mjs", ".cjs"];
/// What stands before the URL of a map that is in the script itself.
const COMMENT: &[u8] = b"sourceMappingURL=";

impl SourceMaps {
    /// Reads a map, or all in a folder and the folders in it: files named `….map` that are maps, as linkers, too, give their files that name,
    /// and scripts that hold theirs.
    ///
    /// # Errors
    /// If a file cannot be read, or none is a source map.
    pub fn load(path: &str) -> Result<Self, Error> {
        let mut files = Vec::new();
        if Path::new(path).is_dir() {
            find(Path::new(path), &mut files).map_err(|error| ErrorKind::from(error).at(path))?;
            files.sort();
        } else {
            files.push(PathBuf::from(path));
        }
        let (mut maps, mut refused) = (Vec::new(), None);
        for file in &files {
            match read(file) {
                Ok(map) => maps.extend(map),
                Err(ErrorKind::Unrecognized(what)) => refused = Some(ErrorKind::Unrecognized(what).at(&file.to_string_lossy())),
                Err(kind) => return Err(kind.at(&file.to_string_lossy())),
            }
        }
        if !maps.is_empty() {
            return Ok(Self { maps });
        }
        let none = format!("holds no source map, in files of their own (*{SUFFIX}) or in scripts (*{})", SCRIPTS.join(", *"));
        Err(refused.unwrap_or_else(|| ErrorKind::Unrecognized(none).at(path)))
    }

    /// The frame as it stands in the sources; None where no map tells.
    #[must_use]
    pub fn resolve(&self, frame: &Frame) -> Option<Frame> {
        let map = self.of_script(&frame.script)?;
        let (line, column) = (frame.line.checked_sub(1)?, frame.column.saturating_sub(1));
        let at = |column| map.map.lookup_token(line, column).filter(|token| token.get_dst_line() == line);
        let token = at(column)?;
        let begins = |name_at| at(name_at).filter(|token| token.get_dst_col() == name_at);
        // V8 says where the parameters begin.
        let found = match map.name_before(line, column, &frame.function) {
            Some(name_at) => begins(name_at),
            // A name that V8 made up, or took from elsewhere, is in no map.
            None if map.lines.get().is_some_and(Option::is_some) || !frame.function.chars().all(in_identifier) => None,
            None => {
                let length = u32::try_from(frame.function.encode_utf16().count()).ok().filter(|&length| length > 0);
                let behind = BEHIND_NAME[..GUESSED].iter().filter_map(|behind| u32::try_from(behind.len()).ok());
                length.and_then(|length| behind.filter_map(|behind| column.checked_sub(length + behind)).find_map(begins))
            }
        };
        let name = found.and_then(|token| token.get_name());
        Some(Frame {
            function: name.map_or_else(|| frame.function.clone(), str::to_owned),
            script: token.get_source()?.to_owned(),
            line: token.get_src_line().saturating_add(1),
            column: token.get_src_col().saturating_add(1),
        })
    }

    /// The map whose path has most in common with a script's; of several the first.
    fn of_script(&self, script: &str) -> Option<&Map> {
        let script = script.split(['?', '#']).next().unwrap_or_default();
        let likeness = |map: &Map| map.scripts.iter().map(|other| common_tail(script, other)).max().unwrap_or(0);
        let maps = self.maps.iter().map(|map| (likeness(map), map)).filter(|&(likeness, _)| likeness > 0);
        maps.reduce(|most, map| if map.0 > most.0 { map } else { most }).map(|(_, map)| map)
    }
}

impl Map {
    /// The column of a function's name, as the script itself shows it before the function's parameters. A class may have its name far
    /// before its constructor, behind what it extends and other members.
    fn name_before(&self, line: u32, column: u32, name: &str) -> Option<u32> {
        const CLASS: &str = "class ";
        if name.is_empty() {
            return None;
        }
        let lines =
            || Some(std::fs::read_to_string(&self.script).ok()?.lines().map(|line| line.encode_utf16().collect()).collect());
        let line = self.lines.get_or_init(lines).as_ref()?.get(line as usize)?;
        let end = line.len().min(column as usize);
        let before = String::from_utf16_lossy(&line[end.saturating_sub(NAME_BEFORE_MAX)..end]);
        let near = || {
            let mut rests = BEHIND_NAME.iter().filter_map(|behind| before.strip_suffix(behind)?.strip_suffix(name));
            rests.find(|rest| !rest.ends_with(in_identifier)).map(str::len)
        };
        let last_class = |pattern: &str, name_at: usize| {
            let whole =
                |at: usize| !before[..at].ends_with(in_identifier) && !before[at + pattern.len()..].starts_with(in_identifier);
            before.rmatch_indices(pattern).find(|(at, _)| whole(*at)).map(|(at, _)| at + name_at)
        };
        let class = || last_class(&format!("{CLASS}{name}"), CLASS.len()).max(last_class(&format!("{name}=class"), 0));
        let name_at = near().or_else(class)?;
        u32::try_from(end - before[name_at..].encode_utf16().count()).ok()
    }
}

fn in_identifier(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

fn is_script(name: &str) -> bool {
    SCRIPTS.iter().any(|end| name.ends_with(end))
}

/// Adds the files in a folder and the folders in it that may be maps or hold one. Links are not followed.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                files.extend((name.ends_with(SUFFIX) || is_script(&name)).then(|| entry.path()));
            }
        }
    }
    Ok(())
}

/// Reads a map; None for a script without one.
fn read(path: &Path) -> Result<Option<Map>, ErrorKind> {
    let wrong = |error: sourcemap::Error| match error {
        sourcemap::Error::Io(error) => ErrorKind::Io(error),
        other => ErrorKind::Unrecognized(format!("not a source map: {other}")),
    };
    let name = path.to_string_lossy();
    let decoded = if is_script(&name) {
        let script = std::fs::read(path)?;
        let Some(url) = inline(&script) else { return Ok(None) };
        sourcemap::decode_data_url(url)
    } else {
        sourcemap::decode(BufReader::new(File::open(path)?))
    };
    let decoded = decoded.map_err(wrong)?;
    if !adds_up(&decoded, (0, 0)) {
        return Err(ErrorKind::Unrecognized("not a source map: a section's line or column is out of range".to_owned()));
    }
    let map = match decoded {
        DecodedMap::Regular(map) => map,
        DecodedMap::Index(index) => index.flatten().map_err(wrong)?,
        DecodedMap::Hermes(_) => return Err(ErrorKind::Unrecognized("is a source map of Hermes, not of V8".to_owned())),
    };
    let script = name.strip_suffix(SUFFIX).unwrap_or(&name);
    let scripts = [Some(script), map.get_file()].into_iter().flatten().map(str::to_owned).collect();
    Ok(Some(Map { scripts, script: PathBuf::from(script), map, lines: OnceLock::new() }))
}

/// The `data:` URL of the map that a script holds in its last comment of the kind.
fn inline(script: &[u8]) -> Option<&str> {
    let url = &script[memchr::memmem::rfind(script, COMMENT)? + COMMENT.len()..];
    let end = url.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'*').unwrap_or(url.len());
    str::from_utf8(&url[..end]).ok().filter(|url| url.starts_with("data:"))
}

/// Whether all lines and columns of a map that begins at a line and column stay below 2^32. The crate adds them up without a look.
fn adds_up(map: &DecodedMap, (line, column): (u32, u32)) -> bool {
    let moved = |by: (u32, u32)| Some((by.0.checked_add(line)?, by.1.checked_add(column)?));
    match map {
        DecodedMap::Index(index) => index.sections().all(|section| {
            let begins = moved(section.get_offset());
            begins.is_some_and(|begins| section.get_sourcemap().is_none_or(|map| adds_up(map, begins)))
        }),
        DecodedMap::Regular(map) => map.tokens().all(|token| moved(token.get_dst()).is_some()),
        DecodedMap::Hermes(map) => map.tokens().all(|token| moved(token.get_dst()).is_some()),
    }
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

    #[test]
    fn scripts_may_hold_their_maps() {
        let folder = tempfile::tempdir().unwrap();
        let DecodedMap::Regular(map) = sourcemap::decode_slice(&bundle(None)).unwrap() else { panic!("a regular map") };
        let script = format!(
            "\n\n\nfunction a(b){{}}\n//# sourceMappingURL=old.js.map\n//# sourceMappingURL={}\n",
            map.to_data_url().unwrap()
        );
        std::fs::write(folder.path().join("main.mjs"), &script).unwrap();
        std::fs::write(folder.path().join("linked.js"), "a()\n//# sourceMappingURL=linked.js.map").unwrap();
        std::fs::write(folder.path().join("plain.js"), "a()").unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("main.mjs")] {
            let maps = SourceMaps::load(path.to_str().unwrap()).unwrap();
            let found = maps.resolve(&frame("", "file:///srv/main.mjs", 3, 11));
            assert_eq!(found, Some(frame("", "src/pool.ts", 10, 31)));
            assert_eq!(maps.resolve(&frame("", "plain.js", 3, 11)), None);
        }
        let message = |name: &str| SourceMaps::load(folder.path().join(name).to_str().unwrap()).unwrap_err().to_string();
        assert!(message("plain.js").contains("plain.js: holds no source map"));
        assert!(message("linked.js").contains("linked.js: holds no source map"));
        std::fs::write(folder.path().join("bad.js"), "//# sourceMappingURL=data:application/json;base64,e30").unwrap();
        assert!(message("bad.js").contains("bad.js: not a source map: "));
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
            ("e", 31, "e", 3),
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

    /// As above; constructors that stand behind other members, in classes that extend others. Only the script tells their names.
    #[test]
    fn constructors_have_the_names_of_their_classes() {
        const SCRIPT: &str = concat!(
            r#"const s=[];class e{static limit=7;describe(){return"base"+e.limit}constructor(s){this.userName=s,thi"#,
            r#"s.list=[1,2,s]}}class t extends e{#s={hidden:1};peek(){return this.#s}constructor(s,e){super(s),this"#,
            r#".poolName={poolName:e}}}const i=class extends t{constructor(s){super(s,"late"),this.extra=[s]}},n=as"#,
            r#"ync e=>{s.push(new i(e)),await null,s.push({given:e})};function r(e){for(let i=0;i<e;i++)s.push(new "#,
            r#"t("u"+i,"p")),n(i)}globalThis.openEverything=r,globalThis.keep=s;"#
        );
        const MAP: &str = concat!(
            r#"{"version":3,"names":["registry","BaseConnection","static","describe","limit","constructor","userNam"#,
            r#"e","this","list","PooledConnection","secret","hidden","peek","poolName","super","LateClass","given","#,
            r#""extra","openAsync","async","push","openAll","count","i","globalThis","openEverything","keep"],"sour"#,
            r#"ces":["src/big.js"],"mappings":"AAAA,MAAMA,EAAW,GACjB,MAAMC,EACJC,aAAe,EACf,QAAAC,GAAa,MAAO,OAASF,EA"#,
            r#"AeG,KAAO,CACnD,WAAAC,CAAYC,GAAYC,KAAKD,SAAWA,EAAUC,KAAKC,KAAO,CAAC,EAAG,EAAGF,EAAW,EAElF,MAAMG,UAAyB"#,
            r#"R,EAC7BS,GAAU,CAAEC,OAAQ,GACpB,IAAAC,GAAS,OAAOL,MAAKG,CAAS,CAC9B,WAAAL,CAAYC,EAAUO,GAAYC,MAAMR,GAAWC"#,
            r#",KAAKM,SAAW,CAAEA,WAAY,EAEnF,MAAME,EAAY,cAAcN,EAC9B,WAAAJ,CAAYW,GAASF,MAAME,EAAO,QAAST,KAAKU,MAAQ,CA"#,
            r#"ACD,EAAQ,GAE7DE,EAAYC,MAAOH,IAAYhB,EAASoB,KAAK,IAAIL,EAAUC,UAAe,KAAMhB,EAASoB,KAAK,CAAEJ,WACtG,SAASK"#,
            r#",EAAQC,GAAS,IAAK,IAAIC,EAAI,EAAGA,EAAID,EAAOC,IAAOvB,EAASoB,KAAK,IAAIX,EAAiB,IAAMc,EAAG,MAAOL,EAAUK,"#,
            r#"EAAM,CAC/HC,WAAWC,eAAiBJ,EAASG,WAAWE,KAAO1B"}"#
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("big.js.map"), MAP).unwrap();
        let named = || {
            let maps = SourceMaps::load(folder.path().to_str().unwrap()).unwrap();
            [("e", 78), ("t", 182), ("i", 260), ("n", 299), ("r", 366), ("", 260)]
                .map(|(function, column)| maps.resolve(&frame(function, "/srv/big.js", 1, column)).unwrap().function)
        };
        assert_eq!(named(), ["e", "t", "i", "openAsync", "openAll", ""]);
        std::fs::write(folder.path().join("big.js"), SCRIPT).unwrap();
        assert_eq!(named(), ["BaseConnection", "PooledConnection", "LateClass", "openAsync", "openAll", ""]);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("main.js.map");
        let message = |path: &Path| SourceMaps::load(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(message(folder.path()).contains("holds no source map"));
        assert!(message(&path).contains("main.js.map: "));
        std::fs::write(&path, "<html>").unwrap();
        assert!(message(folder.path()).contains("main.js.map: not a source map: "));
    }

    #[test]
    fn sections_lie_where_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("main.js.map");
        let section = |line: u32, column: u32, map: &str| {
            format!(r#"{{"version":3,"sections":[{{"offset":{{"line":{line},"column":{column}}},"map":{map}}}]}}"#)
        };
        let leaf = |mappings: &str| format!(r#"{{"version":3,"sources":["a.ts"],"names":[],"mappings":"{mappings}"}}"#);
        let source = |map: String, line: u32, column: u32| -> Result<Option<String>, String> {
            std::fs::write(&path, map).unwrap();
            let maps = SourceMaps::load(path.to_str().unwrap()).map_err(|error| error.to_string())?;
            Ok(maps.resolve(&frame("f", "main.js", line, column)).map(|frame| frame.script))
        };
        let found = Ok(Some("a.ts".to_owned()));
        assert_eq!(source(section(2, 5, &leaf("AAAA")), 3, 6), found);
        assert_eq!(source(section(2, 5, &section(4, 1, &leaf("AAAA"))), 7, 7), found);
        assert_eq!(source(section(u32::MAX, 0, &leaf("AAAA")), u32::MAX, 1), Ok(None));
        // `J` steps back by four columns, before the first.
        let wrong = [
            section(0, 5, &leaf("JAAA")),
            section(u32::MAX, 0, &leaf(";AAAA")),
            section(1, 0, &section(u32::MAX, 0, &leaf("AAAA"))),
        ];
        for map in wrong {
            let message = source(map, 1, 1).unwrap_err();
            assert!(message.contains("a section's line or column is out of range"), "{message}");
        }
    }
}

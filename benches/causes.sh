#!/bin/sh
# The causes of growth in known series, as a table: what is found first, and how much of the growth it explains.
#
#     benches/causes.sh CORPUS [HEAPDIFF]
#
# CORPUS is a folder with the unpacked files (v8/…, python/…), or their .zst.
set -eu
corpus=$1
heapdiff=${2:-target/release/heapdiff}

files() { # FOLDER NAME...: the files of these names, packed or not
    folder=$1
    shift
    for name; do
        for file in "$corpus/$folder/$name" "$corpus/$folder/$name.zst"; do
            if [ -f "$file" ]; then printf '%s\n' "$file"; break; fi
        done
    done
}

row() { # SERIES FOLDER NAME...
    series=$1
    shift
    # File names of a corpus hold no blanks.
    # shellcheck disable=SC2046
    set -- $(files "$@")
    [ $# -ge 2 ] || { printf '%-16s not there\n' "$series"; return; }
    "$heapdiff" trend --why --order given -q --format json "$@" | python3 -c '
import json, sys
report = json.load(sys.stdin)
sizes = report["totals"]["self_size"]
growth = sizes[-1] - sizes[0]
rows = [(f["headline"], f["causes"], f["groups_explained"], f["groups_growing"]) for f in report["findings"] if f.get("causes")]
rows += [("(no finding)", [cause], None, None) for cause in report.get("other_causes", [])]
if not rows:
    print("%-16s no cause" % sys.argv[1])
for rank, (_, causes, explained, growing) in enumerate(rows[:3], 1):
    places = [cause for cause in causes if cause["kind"] == "place"]
    gained = sum(place["size_growth"] for place in places)
    share = "%3d %%" % round(100 * gained / growth) if growth > 0 else "    -"
    groups = "%s of %s" % (explained, growing) if growing is not None else "-"
    print("%-16s %d  %9s  %d  %s  %s" % (sys.argv[1], rank, groups, len(places), share, places[0]["text"] if places else "-"))
' "$series"
}

snapshots() { # COUNT PREFIX: PREFIX1.heapsnapshot …
    for at in $1; do printf '%s%s.heapsnapshot ' "$2" "$at"; done
}

printf '%-16s %s\n' series 'rank  groups in it  places  of the growth  first place'
# shellcheck disable=SC2046
{
    row node20-leaky v8/node20-leaky $(snapshots '1 2 3 4 5' s)
    for version in node12.22.12 node16.20.2 node22.23.3 node26.10.0; do
        row "$version" v8/versions $(snapshots '1 3 5' "$version-s")
    done
    row 'grpc track' v8/grpc-channels $(snapshots '2 3 4 5 6' s)
    row chromium v8/chromium-worker $(snapshots '1 2 3' s)
    row bun v8/bun $(snapshots '1 2 3' s)
    row 'bare V8 8.9' v8/isolates $(snapshots '1 2 3' mr06-s)
    row 'bare V8 14.4' v8/isolates $(snapshots '1 2 3' mr0141-s)
    row leak27 python/leak27 dump-1.json dump-2.json dump-3.json dump-4.json dump-5.json
}

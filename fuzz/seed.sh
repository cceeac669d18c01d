#!/usr/bin/env bash
# Puts what fuzzing begins with into a folder for each target: fuzz/seed.sh FOLDER. Needs zstd.
set -euo pipefail
into=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
zstd -dqc ../fixtures/v8/corpus.tar.zst | tar -x -C "$folder"
zstd -dqc ../fixtures/python/corpus.tar.zst | tar -x -C "$folder"
cp ../fixtures/v8/leak/s1.heapsnapshot "$folder"
for packed in ../fixtures/python/*.json.zst ../fixtures/python/traces/*.zst ../fixtures/python/*.csv.zst; do
    zstd -dqf "$packed" -o "$folder/$(basename "${packed%.zst}")"
done
mkdir -p "$into"/{readers,unpacking,graph,anonymize,kernels,rules,reports,maps}
# The first byte is the target's own. Beginnings of what is large, and all of what is small.
find "$folder" -type f -size +0 -print0 | while IFS= read -r -d '' file; do
    name=$(md5sum <"$file" | cut -c1-16)
    for choice in '\000' '\007' '\077'; do
        { printf "$choice"; head -c 4000 "$file"; } | tee "$into/readers/$name-${choice#\\}" >"$into/unpacking/$name-${choice#\\}"
    done
    if (($(stat -c %s "$file") < 65536)); then
        for target in readers unpacking graph anonymize; do { printf '\000'; cat "$file"; } >"$into/$target/$name-whole"; done
    fi
done
# Nodes and edges that a file is made of.
for ((seed = 1; seed <= 24; seed++)); do
    RANDOM=$seed
    { printf '\\x%02x' $((RANDOM % 128 | 1)) && for ((i = 0; i < 20 + seed * 6; i++)); do printf '\\x%02x' $((RANDOM % 256)); done; } |
        xargs -0 printf >"$into/graph/made-$seed"
done
cp ../fixtures/v8/leak/s1.heapsnapshot "$into/kernels/nodes"
sed -n '/^```toml/,/^```/p' ../docs/ci.md | grep -v '^```' >"$into/rules/page.toml"
printf 'Foo\037<script>\037=1+1\037a|b\037\033[31m\037`::error::`' >"$into/reports/names"
printf '{"version":3,"sources":["a.js"],"names":["f"],"mappings":"AAAA,SAASA;CACGA"}' >"$into/maps/plain"
printf '{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"version":3,"sources":["a.js"],"names":[],"mappings":"AAAA"}}]}' >"$into/maps/index"

#!/usr/bin/env bash
# How often `heapdiff check` fails a program that does nothing: benches/idle.sh [RUNS], 50 unless given; about three minutes. Needs node.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-50}
cargo build --release --locked --quiet
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
declare -A codes
for ((run = 0; run < runs; run++)); do
    rm -rf "$folder/snaps"
    node --expose-gc benches/idle.js "$folder/snaps"
    code=0
    target/release/heapdiff check --no-config "$folder/snaps" >"$folder/verdict" || code=$?
    codes[$code]=$((${codes[$code]:-0} + 1))
    if ((code)); then cat "$folder/verdict"; fi
done
for code in "${!codes[@]}"; do echo "exit code $code: ${codes[$code]} of $runs"; done
[[ ${codes[0]:-0} == "$runs" ]]

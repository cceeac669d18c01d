#!/usr/bin/env bash
# Measures heapdiff beside other readers of the same files and prints markdown tables; see README.md here.
#
#   benches/compare.sh [--records N] [--rounds N] [--dir DIR] [--peers-only]
#
# Needs bash, python3 (3.10 or later), node (20 or later), zstd, gzip, cargo; Linux. The default takes about 2.2 GB of disk in DIR, 4 GB of memory
# and some ten minutes, four of them for making the files once.
set -euo pipefail

records=148000
rounds=5
dir=
peers_only=
usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
  case $1 in
    --records) records=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --dir) dir=$2; shift ;;
    --peers-only) peers_only=1 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

benches=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$benches/../target}
dir=${dir:-$target/compare}
mkdir -p "$dir"

cargo build --release --locked --manifest-path "$benches/peers/Cargo.toml" --target-dir "$benches/peers/target"
peers=$benches/peers/target/release
if [ -z "$peers_only" ]; then
  cargo build --release --locked --manifest-path "$benches/../Cargo.toml" --target-dir "$target"
fi

# Files are made once for each size and kept. -3 is the last one written, so it stands for all three.
large=$dir/large-$records
small=$dir/small
tracked=$dir/tracked-$records
[ -e "$large-3.heapsnapshot" ] || node "$benches/make-large.js" "$large" --records "$records" --snapshots 3 >&2
[ -e "$small-1.heapsnapshot" ] || node "$benches/make-large.js" "$small" --records 200 >&2
if [ -z "$peers_only" ] && [ ! -e "$tracked-1.heapsnapshot" ]; then
  node --max-old-space-size=8000 "$benches/make-tracked.js" "$tracked" --records "$records" >&2
fi
a=$large-1.heapsnapshot
if [ ! -e "$a.zst" ]; then zstd -q -3 -f "$a" -o "$a.zst.partial" && mv "$a.zst.partial" "$a.zst"; fi
if [ ! -e "$a.gz" ]; then gzip -6 -n -c "$a" >"$a.gz.partial" && mv "$a.gz.partial" "$a.gz"; fi

arguments=(--rounds "$rounds" --serde-typed "$peers/serde-typed" --v8hp "$peers/v8hp" --decompress "$peers/decompress")
files=()
if [ -z "$peers_only" ]; then
  arguments+=(--heapdiff "$target/release/heapdiff")
  files+=(tracked="$tracked-1.heapsnapshot")
fi
exec python3 "$benches/peers/measure.py" "${arguments[@]}" "${files[@]}" \
  a="$a" b="$large-2.heapsnapshot" c="$large-3.heapsnapshot" small="$small-1.heapsnapshot" a.zst="$a.zst" a.gz="$a.gz"

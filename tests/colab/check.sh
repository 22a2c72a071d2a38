#!/usr/bin/env bash
# The notebooks at size smoke on what Colab has installed: what does pip move, and do they run?
#
#   tests/colab/check.sh FOLDER     # makes FOLDER: a venv, a cache and the run; 3 GB
#   PYTHON=python3.13 TORCH=torch==2.11.0 tests/colab/check.sh FOLDER
#
# The second has Colab's Python and torch, and on Linux fetches 3 GB of GPU libraries with it. The
# first has this machine's Python and the Makefile's torch, which has a build without them.
set -euo pipefail
PLACE="${1:?name a folder to make}"
PYTHON="${PYTHON:-python3}"
[ ! -e "$PLACE" ] || { echo "$PLACE is there already; name a new folder, so that all is fresh"; exit 2; }
"$PYTHON" -m venv "$PLACE"
PLACE="$(cd "$PLACE" && pwd)"
BIN="$PLACE/bin"
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
TORCH="${TORCH:-$(sed -n 's/^TORCH ?= //p' Makefile)}"
# weights that another transformers wrote, and runs of this checkout, stay out of it
export WORKBENCH_CACHE="$PLACE/cache" WORKBENCH_RUNS="$PLACE/runs"

install() {
    echo "== pip install $*"
    "$BIN/python" -m pip install --quiet --disable-pip-version-check "$@"
}

moved() { # names of what is not as on Colab
    "$BIN/python" -m pip freeze | tr _ - >"$PLACE/now.txt"
    grep -v '^#' tests/colab/versions.txt | tr _ - | grep -vixFf "$PLACE/now.txt" | cut -d= -f1 | xargs
}

expect() { # fails unless pip has moved just these
    local found
    found="$(moved || true)"
    echo "moved: ${found:-nothing}"
    [ "$found" = "$1" ] || { echo "expected: ${1:-nothing}; bound the rest in pyproject.toml"; exit 1; }
}

run() {
    echo "== notebooks $1"
    "$BIN/python" -m workbench run travel_booking --run colab --size smoke --stages "$1"
}

install "$TORCH"
install -r tests/colab/versions.txt
# as the bootstraps do, notebook by notebook
install -e .
expect ""
run 1
install -e ".[models]"
expect ""
run 2-3
install -e ".[train]"
# trl wants a newer datasets, and that a newer pyarrow
expect "datasets pyarrow"
run 4
# on Colab evaluation has a machine of its own, without trl
"$BIN/python" -m pip uninstall --quiet --yes trl
install -r tests/colab/versions.txt
expect ""
run 5

echo "== in force: $("$BIN/python" --version)"
grep -v '^-e' "$PLACE/now.txt" | xargs | fold -s -w 100

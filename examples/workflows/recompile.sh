#!/usr/bin/env bash
# The steps of recompile.yml on this machine, for a procedure that you have edited:
#
#   examples/workflows/recompile.sh travel_booking demo            # says whether it may be used
#   PROMOTE=--promote examples/workflows/recompile.sh travel_booking demo
#
# Interrupted, the same command goes on. Until the last step has passed the old run stays in use.
set -euo pipefail
DOMAIN="$1" SIZE="${2:-demo}" PROMOTE="${PROMOTE:-}" FIRST=""

# named after the files of the domain as they are now, committed or not
NEW="try-$(find "domains/$DOMAIN" -name '*.yaml' ! -name gate.yaml | LC_ALL=C sort | xargs cat | git hash-object --stdin | cut -c1-12)"
OLD="$(python -m workbench current "$DOMAIN" || true)"
[ -n "$OLD" ] || FIRST=--first

python -m workbench check "$DOMAIN"
if [ -n "$OLD" ]; then
    python -m workbench diff "$DOMAIN/$OLD" --markdown > diff.md || [ $? = 3 ]
fi
# a change that was taken back names a run that passed before, and is sealed
if [ ! -e "${WORKBENCH_RUNS:-runs}/$DOMAIN/$NEW/gated.json" ]; then
    python -m workbench run "$DOMAIN" --run "$NEW" --size "$SIZE" ${OLD:+-p since "$OLD" -p older "$OLD"}
fi
python -m workbench gate "$DOMAIN/$NEW" $FIRST $PROMOTE --junit gate.xml --markdown gate.md

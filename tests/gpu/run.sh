#!/usr/bin/env bash
# Every domain trained and evaluated on this machine, a GPU at best and without network, in a table.
#
#   tests/gpu/run.sh                                          size full, three training seeds
#   tests/gpu/run.sh --base-model /models/Qwen3-8B            another base model, carried in
#   tests/gpu/run.sh --size smoke --seeds 7                   minutes, on any machine
#
# Carried in: an environment with this package (PYTHON names its interpreter), and as WORKBENCH_CACHE
# the cache folder of a machine that has run `python -m workbench run travel_booking --stages 1-3`.
# Stopped, it goes on from where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
exec "${PYTHON:-python}" tests/gpu/run.py "$@"

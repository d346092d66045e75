#!/usr/bin/env bash
# Steps a second of every peer, side by side on one core: three rounds, so that none has the quiet one.
set -euo pipefail
venv=${1:?usage: compare.sh VENV_OF_TORCH_MIST}
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
for _ in 1 2 3; do
    "$venv/bin/python" torch_mist_steps.py 2> /dev/null
    python plain_loop.py
    python ibtrain_steps.py
done

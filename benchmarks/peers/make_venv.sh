#!/usr/bin/env bash
# A virtual environment for the peer, which needs older numpy and pandas than ibtrain has.
set -euo pipefail
venv=${1:?usage: make_venv.sh DIRECTORY}
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet torch-mist==0.2.17 'numpy<2' 'pandas<3'

#!/bin/sh
# Install what the service needs, as pinned, into a new environment: install.sh ENVIRONMENT WHEELS
# From a wheelhouse if WHEELS holds one (a tar or what was in it), else from a package index.
set -eu

environment=$1
wheels=$2
python3 -m venv "$environment"
needed=$(python3 -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]))')
tar=$(find "$wheels" -maxdepth 1 -name '*.tar')
if [ -n "$tar" ]; then
    unpacked=$(mktemp -d)
    tar --extract --file "$tar" --directory "$unpacked" --strip-components 1
    wheels=$unpacked
fi
echo "$needed" > "$environment/needed.txt"
if [ -e "$wheels/SHA256SUMS" ]; then
    (cd "$wheels" && sha256sum --check --quiet SHA256SUMS)
    set -- --no-index --find-links "$wheels/wheels"
else
    set -- ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"}
    # Gigabytes of CUDA have no place in an image that runs on the CPU.
    PYTHONPATH=tools "$environment/bin/python" - "$@" <<'CHECK'
import sys
from pathlib import Path

from install import Missing, refuse_cuda_without_card

try:
    refuse_cuda_without_card(Path(sys.executable), sys.argv[1:])
except Missing as missing:
    sys.exit(f"{missing}\nFor the image: docker build --build-arg TORCH_INDEX=ADDRESS, or WHEELS=...")
CHECK
fi
"$environment/bin/python" -m pip install --quiet --constraint constraints.txt "$@" --requirement "$environment/needed.txt"
if [ -n "$tar" ]; then
    rm -rf "$unpacked"
fi

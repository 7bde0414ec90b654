#!/bin/sh
# Build .venv-peers, where the pipelines that we are compared with run: a minute. It sees the packages of .venv, so that
# both sides have the same torch and the same model.
set -eu
cd "$(dirname "$0")/../../.."

here=tests/bench/peers
environment=.venv-peers
stamp="$environment/built-from"
wanted=$(cat "$here/requirements.txt" "$here/build_environment.sh" | sha256sum)

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

rm -rf "$environment"
.venv/bin/python -m venv "$environment"
ours=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
theirs=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
echo "$ours" > "$theirs/ours.pth"
"$environment/bin/python" -m pip install --quiet --no-deps -r "$here/requirements.txt"
printf '%s' "$wanted" > "$stamp"

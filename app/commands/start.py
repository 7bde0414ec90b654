"""start: what ``make run`` does. A store if there is none, the service at once, and the documents beside it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated

import typer

from app.commands.output import say
from app.errors import StoreMissing
from app.settings import Settings, load_settings

START_TIMEOUT_S = 120
END_TIMEOUT_S = 60
CREDENTIALS_FILE = "first-login.json"
OUTCOMES = {0: "All documents are in.", 1: "Documents were refused as listed above; the others are in."}


def start(
    docs: Annotated[Path, typer.Option(help="Folder or file to take in.")],
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
) -> None:
    """Make a store if there is none, serve, and ingest a folder; Ctrl-C ends all of it."""
    from app.database.store import read_manifest

    settings = load_settings()
    try:
        read_manifest(settings.data_dir)
        login = "the one you have ('python -m app users reset-password admin' makes a new password)"
    except StoreMissing:
        login = f"in {first_login(settings)}"
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    # Each in a session of its own: Ctrl-C reaches us alone, and we end them in order.
    service = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command
    ingest: subprocess.Popen[bytes] | None = None
    signal.signal(signal.SIGTERM, interrupt)
    try:
        wait_until_ready(service, port)
        say(f"\nStrongroom answers at http://127.0.0.1:{port}\n  user name and API key: {login}\n")
        say(f"Taking in {docs}; its documents are found by words within seconds, by meaning when vectors are filled.")
        ingest = subprocess.Popen([sys.executable, "-m", "ingest", str(docs)], start_new_session=True)  # noqa: S603 - ours
        code = ingest.wait()
        say(OUTCOMES.get(code, f"The ingest ended with an error ({code}, see above); the service goes on."))
        say(f'Try it: python -m app ask "初始剂量上限是多少？"   or open http://127.0.0.1:{port}   (Ctrl-C ends)')
        service.wait()
    except KeyboardInterrupt:
        say("\nending")
    finally:
        for process in (ingest, service):
            end(process)
    raise typer.Exit(service.returncode or 0)


def interrupt(*_: object) -> None:
    """Take SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def first_login(settings: Settings) -> Path:
    """Make the store in a process of its own; keep the first credentials beside the key, for this user alone."""
    made = subprocess.run([sys.executable, "-m", "app", "init", "--json"], stdout=subprocess.PIPE, check=False)
    if made.returncode:
        raise typer.Exit(made.returncode)
    from app.database.store import read_manifest

    manifest, _ = read_manifest(settings.data_dir)
    key_file = settings.key_file_for(manifest.store_id)
    file = key_file.with_name(f"{key_file.stem}-{CREDENTIALS_FILE}")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(json.dumps(json.loads(made.stdout), indent=1) + "\n")
    return file


def wait_until_ready(service: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until searches are right.

    Raises:
        typer.Exit: the service ended, or is not ready in time.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if service.poll() is not None:
            raise typer.Exit(service.returncode or 1)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    say(f"the service was not ready after {START_TIMEOUT_S} s")
    raise typer.Exit(1)


def end(process: "subprocess.Popen[bytes] | None") -> None:
    """End a process we started, and wait for it."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

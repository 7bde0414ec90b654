"""python -m ingest PATH...: brings a knowledge base up to date with files and folders; ``work`` is the queue worker."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from app.errors import SettingsError, StoreError, StrongroomError, UsageError
from app.logs import start_logs
from app.settings import Settings, load_settings, quiet_libraries

# Exit codes: 0 all done, 1 some files were refused, 2 usage, 3 store or key trouble.
REFUSED, USAGE, STORE = 1, 2, 3
WITH_SERVICE = "--with-service"  # given by serve, which holds the other end of our stdin
GRACE_S = 3.0


def main() -> None:
    """Run a command and turn errors into one line with advice."""
    start_logs("warning")
    try:
        if sys.argv[1:2] == ["work"] and sys.argv[2:] in ([], [WITH_SERVICE]):
            run_worker(load_settings(), with_service=WITH_SERVICE in sys.argv)
        else:
            cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            cli.command()(ingest)
            cli()
    except StrongroomError as error:
        print(f"{error}\n{error.advice}", file=sys.stderr)
        sys.exit(exit_code(error))


def exit_code(error: StrongroomError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, UsageError | SettingsError):
        return USAGE
    return STORE if isinstance(error, StoreError) else REFUSED


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders; 'work' runs the worker.")],
    knowledge_base: Annotated[str, typer.Option(help="Made if it is missing.")] = "default",
    source: Annotated[str | None, typer.Option(help="Name of the source instead of the folder's path.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Erase what vanished from the named folders.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End when readable; vectors follow.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on: take what changes, erase what vanishes.")] = False,
    passwords: Annotated[Path | None, typer.Option(help="File of passwords for protected PDFs, one a line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Take files and folders into a knowledge base."""
    from ingest.run import Order, run_ingest

    settings = load_settings()
    order = Order(paths, knowledge_base, source, prune, not no_wait, watch, passwords)
    report = run_ingest(settings, order)
    if as_json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
    sys.exit(REFUSED if report.refused else 0)


def end_with_service(ending: threading.Event) -> None:
    """End when the service is gone, however it ended; what is under way is taken up again at the next start."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    ending.set()
    time.sleep(GRACE_S)
    os._exit(STORE)


def run_worker(settings: Settings, *, with_service: bool) -> None:
    """Run the queue worker until SIGTERM or Ctrl-C, or until its service is gone."""
    # As above: only the worker needs these.
    from app.database.store import open_store
    from app.knowledge.ram import own_ram_folder
    from app.vault.hygiene import harden_process
    from ingest.worker import work

    harden_process()
    start_logs(settings.log_level)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    if with_service:
        threading.Thread(target=end_with_service, args=(ending,), daemon=True).start()
    with open_store(settings) as store, own_ram_folder(settings, store.store_id) as ram_dir:
        quiet_libraries(ram_dir)
        work(store, settings, ending)


if __name__ == "__main__":
    main()

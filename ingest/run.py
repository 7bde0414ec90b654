"""One ingest from the command line: open the store, take the sources in, wait for vectors or go on watching, report."""

import signal
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.database.audit import local_actor
from app.database.store import Store, open_store
from app.errors import UsageError
from app.inference.embedder import load_token_counter
from app.knowledge.passage import Asker
from app.knowledge.ram import own_ram_folder
from app.knowledge.serving import wait_for_service
from app.reading.pool import ReaderPool
from app.settings import Settings, quiet_libraries
from app.vault.hygiene import harden_process
from ingest.discover import NamedSource, discover
from ingest.filling import VectorFiller, wait_until_filled
from ingest.pipeline import Pipeline, ensure_base, open_run
from ingest.prepare import Preparer
from ingest.report import Report
from ingest.watch import Watcher, folders_of

MOST_PASSWORDS = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line.

    Attributes:
        paths: files and folders.
        source: name of the source instead of the folder's path.
        prune: erase what vanished from the folders.
        wait: until vectors are there too.
        watch: go on until told to end.
        passwords_file: a file with passwords of protected documents, one a line.
    """

    paths: list[Path]
    knowledge_base: str
    source: str | None = None
    prune: bool = False
    wait: bool = True
    watch: bool = False
    passwords_file: Path | None = None


def run_ingest(settings: Settings, order: Order) -> Report:
    """Run one ingest and return its report.

    Raises:
        StrongroomError: the store, key or model is not there; files that are refused stand in the report instead.
    """
    harden_process()
    passwords = read_passwords(order.passwords_file)
    sources = discover(order.paths, source=order.source)
    console = Console(stderr=True)
    actor = local_actor()
    report = Report()
    with ExitStack() as opened:
        store = opened.enter_context(open_store(settings))
        quiet_libraries(opened.enter_context(own_ram_folder(settings, store.store_id)))
        counter = load_token_counter(settings.embedding, settings.models_dir)
        base_id = ensure_base(store, order.knowledge_base, actor=actor, asker=Asker(None, reads_everything=True))
        filler = VectorFiller(store, settings)
        filler.start()
        opened.callback(filler.stop)
        readers = opened.enter_context(ReaderPool(settings.ingest))
        writer = opened.enter_context(open_run(store, actor=actor))
        preparer = Preparer(readers, counter, settings.ingest)
        pipeline = Pipeline(store, writer, preparer, settings.ingest, base_id, report, passwords=passwords)
        watcher = begin_to_watch(order) if order.watch else None
        take_sources(pipeline, sources, order, console)
        if watcher is not None:
            say(console, f"{report.summary()}; watching, Ctrl-C ends")
            watcher.run(pipeline, lambda line: say(console, line))
        elif order.wait:
            wait_for_vectors(settings, store, base_id, filler, console, report)
    for file, reason in report.refused:
        say(console, f"refused: {file}: {reason}")
    say(console, report.summary())
    return report


def take_sources(pipeline: Pipeline, sources: list[NamedSource], order: Order, console: Console) -> None:
    """Take all sources in, with a bar on a terminal."""
    with progress_bar(console) as progress, pipeline.report.stage("readable"):
        task = progress.add_task("documents", total=sum(len(one.files) for one in sources))
        pipeline.say = lambda _: progress.advance(task)
        # An empty folder is rather a disk that is not mounted than a wish to erase everything.
        mirror = order.watch and all(source.files for source in sources)
        pipeline.take(sources, prune=order.prune or mirror)
    pipeline.say = lambda _: None


def wait_for_vectors(
    settings: Settings, store: Store, base_id: str, filler: VectorFiller, console: Console, report: Report
) -> None:
    """Wait until the documents are found by vectors too, and a service that runs has followed."""
    with report.stage("vectors"), progress_bar(console) as progress:
        task = progress.add_task("chunks without vectors", total=None)
        wait_until_filled(store, base_id, filler, lambda left: progress.update(task, completed=left))
        wait_for_service(settings, store)


def begin_to_watch(order: Order) -> Watcher:
    """Watch the folders from now on, until SIGTERM or Ctrl-C.

    Raises:
        UsageError: no folder was named.
    """
    folders = folders_of(order.paths, order.source)
    if not folders:
        raise UsageError("--watch needs a folder", advice="Name a folder; single files are taken once.")
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return Watcher(folders, ending)


def read_passwords(file: Path | None) -> tuple[str, ...]:
    """Read the passwords to be tried on protected documents.

    Raises:
        UsageError: the file cannot be read, or holds too many.
    """
    if file is None:
        return ()
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the file of passwords cannot be read", advice="It is UTF-8, one password a line.") from error
    passwords = tuple(dict.fromkeys(line for line in lines if line))
    if len(passwords) > MOST_PASSWORDS:
        raise UsageError(f"more than {MOST_PASSWORDS} passwords", advice="Each is tried on every protected document.")
    return passwords


def say(console: Console, line: str) -> None:
    """Print a line on stderr as it is."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def progress_bar(console: Console) -> Progress:
    """Return a progress bar that shows on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)

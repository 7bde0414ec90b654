"""One ingest from the command line: open the store, take the sources in, wait for vectors, report."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.database.audit import local_actor
from app.database.store import open_store
from app.inference.embedder import load_token_counter
from app.knowledge.passage import Asker
from app.knowledge.ram import own_ram_folder
from app.knowledge.serving import wait_for_service
from app.reading.pool import ReaderPool
from app.settings import Settings, quiet_libraries
from app.vault.hygiene import harden_process
from ingest.discover import discover
from ingest.filling import VectorFiller, wait_until_filled
from ingest.pipeline import Pipeline, ensure_base, open_run
from ingest.prepare import Preparer
from ingest.report import Report


def run_ingest(
    settings: Settings, paths: list[Path], *, knowledge_base: str, source: str | None, prune: bool, wait: bool
) -> Report:
    """Run one ingest and return its report.

    Raises:
        StrongroomError: the store, key or model is not there; files that are refused stand in the report instead.
    """
    harden_process()
    sources = discover(paths, source=source)
    console = Console(stderr=True)
    actor = local_actor()
    report = Report()
    with open_store(settings) as store, own_ram_folder(settings, store.store_id) as ram_dir:
        quiet_libraries(ram_dir)
        counter = load_token_counter(settings.embedding, settings.models_dir)
        base_id = ensure_base(store, knowledge_base, actor=actor, asker=Asker(None, reads_everything=True))
        filler = VectorFiller(store, settings)
        filler.start()
        try:
            with (
                ReaderPool(settings.ingest) as readers,
                open_run(store, actor=actor) as writer,
                progress_bar(console) as progress,
            ):
                task = progress.add_task("documents", total=sum(len(one.files) for one in sources))
                preparer = Preparer(readers, counter, settings.ingest)
                pipeline = Pipeline(
                    store, writer, preparer, settings.ingest, base_id, report, lambda _: progress.advance(task)
                )
                with report.stage("readable"):
                    pipeline.take(sources, prune=prune)
            if wait:
                with report.stage("vectors"), progress_bar(console) as progress:
                    task = progress.add_task("chunks without vectors", total=None)
                    show = lambda left: progress.update(task, completed=left)  # noqa: E731 - a name for the line below
                    wait_until_filled(store, base_id, filler, show)
                    wait_for_service(settings, store)
        finally:
            filler.stop()
    for file, reason in report.refused:
        console.print(f"refused: {file}: {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(report.summary(), markup=False, highlight=False, soft_wrap=True)
    return report


def progress_bar(console: Console) -> Progress:
    """Return a progress bar that shows on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)

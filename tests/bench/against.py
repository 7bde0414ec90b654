"""Ingest and retrieval beside the pipelines that one would write with LangChain: same files, same model, in one run.

(a) is LangChain's own tutorial: PyPDFLoader, RecursiveCharacterTextSplitter, HuggingFaceEmbeddings, Chroma on the disk.
(b) is the same with its fastest reader of PDFs, PyPDFium2Loader: the quickest ingest among the peers we measured.
They run in an environment of their own (``tests/bench/peers/build_environment.sh``), each in a fresh process.

``seconds`` are those of the whole process, its imports and loading of the model too. The questions are asked within
their file; pages are ranked by their best chunk and counted once.
"""

import gzip
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import ir_measures

from app.commands.evaluation import MEASURES, judged_of, key_of
from app.inference.prepared import find_prepared
from app.settings import load_settings
from tests.bench.ingest import watched
from tests.bench.machine import describe_machine, own_store, run_command

PEERS_DIR = Path(__file__).parent / "peers"
PYTHON = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
PIPELINES = {"a: LangChain tutorial (pypdf)": "pypdf", "b: LangChain with PDFium": "pypdfium2"}


def measure(eval_dir: Path, names: list[str]) -> dict[str, object]:
    """Measure on the named PDFs of a set with page questions."""
    subprocess.run(["sh", PEERS_DIR / "build_environment.sh"], check=True)
    with gzip.open(eval_dir / "queries.jsonl.gz", "rt", encoding="utf-8") as opened:
        asked = [json.loads(line) for line in opened]
    asked = [one for one in asked if one.get("scope") in names and one["answerable"]]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = Path(folder) / "files"
        files.mkdir()
        for name in names:
            shutil.copy(eval_dir / "files" / name, files / name)
        rows = {"strongroom": ours(files, asked, Path(folder))}
        for name, loader in PIPELINES.items():
            rows[name] = theirs(files, asked, Path(folder), loader)
    own = rows["strongroom"]["seconds"]
    ratios = {name: round(row["seconds"] / own, 2) for name, row in rows.items()}
    return {"machine": describe_machine(), "files": names, "questions": len(asked), "rows": rows, "times_ours": ratios}


def ours(files: Path, asked: list[dict], folder: Path) -> dict[str, object]:
    """Ingest and ask with the product."""
    questions = folder / "asked.jsonl"
    questions.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in asked), encoding="utf-8")
    with own_store() as environment:
        run = watched(environment, [str(files)])
        shown = json.loads(
            run_command(environment, "app", "evaluate", str(questions), "--knowledge-base", "default", "--json")
        )
        report = run["report"]
        return {
            "seconds": run["seconds"],
            "stages": report["stages"],
            "pages": report["pages"],
            "chunks": report["chunks"],
            "peak_mib": run["peak_mib"],
            "quality": {name: shown[name] for name in MEASURES},
        }


def theirs(files: Path, asked: list[dict], folder: Path, loader: str) -> dict[str, object]:
    """Ingest and ask with a pipeline of LangChain."""
    settings = load_settings()
    prepared = find_prepared(settings.embedding, settings.models_dir)
    order = {
        "folder": str(files),
        "model": str(prepared.folder.folder),
        "store": str(folder / loader),
        "loader": loader,
        "questions": [{key: one[key] for key in ("id", "question", "scope")} for one in asked],
    }
    file = folder / f"{loader}.json"
    file.write_text(json.dumps(order), encoding="utf-8")
    command = [PYTHON, PEERS_DIR / "langchain_pipeline.py", file]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    answer = json.loads(done.stdout)
    return {
        "seconds": round(answer["at_end_of_ingest"], 2),
        "stages": answer["seconds"],
        "pages": answer["pages"],
        "chunks": answer["chunks"],
        "peak_mib": answer["peak_mib"],
        "quality": quality(asked, answer["found"]),
    }


def quality(asked: list[dict], found: dict[str, list[list]]) -> dict[str, float]:
    """Score places as ``app evaluate`` scores them."""
    judged = [judged_of(one) for one in asked]
    qrels = {one.query_id: dict.fromkeys(one.gold, 1) for one in judged}
    run = {
        one.query_id: {
            key_of(name, page if one.by_page else None): float(-rank)
            for rank, (name, page) in reversed(list(enumerate(found[one.query_id])))
        }
        for one in judged
    }
    scores = ir_measures.calc_aggregate(list(MEASURES.values()), qrels, run)
    return {name: round(float(scores[measure]), 4) for name, measure in MEASURES.items()}

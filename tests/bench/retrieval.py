"""Retrieval on judged sets: hybrid beside words alone and vectors alone, from one store in one run.

A set is a folder with ``corpus.jsonl.gz`` and one or more ``queries*.jsonl.gz``. The sample takes 100 seeded questions
of each, their gold passages, and distractors up to 400 passages; a folder of PDFs with page questions takes 12 files.
Whole sets take all passages and 400 seeded questions, as the peers' figures do.
"""

import gzip
import json
import random
import shutil
from pathlib import Path

from tests.bench.machine import describe_machine, own_store, run_command

SEED = 20_261
QUESTIONS, DISTRACTORS, PDF_FILES = 100, 400, 12
QUESTIONS_OF_WHOLE_SETS = 400
MODES = ("hybrid", "words", "vectors")


def read_lines(file: Path) -> list[dict]:
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def sample_text_set(folder: Path, target: Path, *, whole: bool) -> list[Path]:
    """Write the sample of a text set, or all of its passages; return its question files."""
    most = QUESTIONS_OF_WHOLE_SETS if whole else QUESTIONS
    chosen = random.Random(SEED)
    corpus = {one["id"]: one for one in read_lines(folder / "corpus.jsonl.gz")}
    files, gold = [], set()
    for source in sorted(folder.glob("queries*.jsonl.gz")):
        questions = read_lines(source)
        taken = chosen.sample(questions, min(most, len(questions)))
        gold.update(one for question in taken for one in question["gold"])
        gold.update(one for question in taken for one in question.get("near") or () if one in corpus)
        file = target / f"{folder.name}-{source.name.removesuffix('.jsonl.gz')}.questions.jsonl"
        file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in taken), encoding="utf-8")
        files.append(file)
    others = [one for one in sorted(corpus) if one not in gold]
    distractors = len(others) if whole else max(0, min(DISTRACTORS - len(gold), len(others)))
    kept = sorted(gold & corpus.keys()) + chosen.sample(others, distractors)
    documents = target / "documents" / f"{folder.name}.jsonl"
    documents.parent.mkdir(exist_ok=True)
    lines = ({key: corpus[one].get(key) or "" for key in ("id", "title", "text")} for one in kept)
    documents.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
    return files


def sample_pdf_set(folder: Path, target: Path) -> list[Path]:
    """Copy 12 seeded PDFs that have page questions, and write their questions."""
    questions = [one for one in read_lines(folder / "queries.jsonl.gz") if one.get("scope")]
    named = sorted({one["scope"] for one in questions})
    files = set(random.Random(SEED).sample(named, min(PDF_FILES, len(named))))
    place = target / "documents"
    place.mkdir(exist_ok=True)
    for name in files:
        shutil.copy(folder / "files" / name, place / name)
    file = target / "pdf.questions.jsonl"
    taken = [one for one in questions if one["scope"] in files]
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in taken), encoding="utf-8")
    return [file]


def measure(eval_dir: Path, names: list[str], *, whole: bool) -> dict[str, object]:
    """Measure the named sets of an evaluation folder, or all of them."""
    sets = [one for one in sorted(eval_dir.iterdir()) if (one / "corpus.jsonl.gz").exists()]
    sets += [eval_dir / "pdf"] if (eval_dir / "pdf" / "files").exists() else []
    table: dict[str, object] = {}
    with own_store() as environment:
        for folder in sets:
            if names and folder.name not in names:
                continue
            target = Path(environment["BENCH_FOLDER"]) / folder.name
            target.mkdir()
            if folder.name == "pdf":
                files = sample_pdf_set(folder, target)
            else:
                files = sample_text_set(folder, target, whole=whole)
            place = str(target / "documents")
            run_command(environment, "ingest", place, "--knowledge-base", folder.name, accept=(0, 1))
            for file in files:
                for mode in MODES:
                    shown = run_command(
                        environment, "app", "evaluate", str(file), "--knowledge-base", folder.name, "--mode", mode,
                        "--json",
                    )  # fmt: skip
                    table.setdefault(file.name.removesuffix(".questions.jsonl"), {})[mode] = json.loads(shown)
    return {"machine": describe_machine(), "sample": "whole sets" if whole else [QUESTIONS, DISTRACTORS], "sets": table}


def as_table(result: dict[str, object]) -> str:
    """Return the result as Markdown."""
    lines = [
        "| set | mode | hit@1 | hit@5 | hit@10 | MRR@10 | nDCG@10 | abstention P / R / AUROC |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, modes in result["sets"].items():
        for mode, figures in modes.items():
            said = figures["abstention"]
            shown = " / ".join(
                "-" if said.get(key) is None else f"{said[key]:.2f}" for key in ("precision", "recall", "auroc")
            )
            cells = [f"{figures[key]:.3f}" for key in ("hit@1", "hit@5", "hit@10", "mrr@10", "ndcg@10")]
            lines.append(f"| {name} | {mode} | {' | '.join(cells)} | {shown if mode == 'hybrid' else ''} |")
    return "\n".join(lines)

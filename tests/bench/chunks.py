"""Size and overlap of chunks, measured: retrieval on judged sets for each pair, each in a store of its own.

The sets should have documents that are longer than a chunk; on others nothing changes.
"""

import os
from pathlib import Path

from tests.bench import retrieval
from tests.bench.machine import describe_machine

SIZES = ((120, 0), (160, 20), (220, 0), (220, 30), (220, 60), (320, 30), (450, 30))
FIGURES = ("hit@1", "hit@5", "mrr@10", "ndcg@10")


def measure(eval_dir: Path, names: list[str]) -> dict[str, object]:
    """Measure all pairs on the named sets."""
    rows = []
    for size, overlap in SIZES:
        os.environ |= {"KB_INGEST__CHUNK_TOKENS": str(size), "KB_INGEST__OVERLAP_TOKENS": str(overlap)}
        found = retrieval.measure(eval_dir, names, whole=False)["sets"]
        for name, modes in found.items():
            for mode, figures in modes.items():
                shown = {figure: figures[figure] for figure in FIGURES}
                rows.append({"chunk_tokens": size, "overlap_tokens": overlap, "set": name, "mode": mode} | shown)
    return {"machine": describe_machine(), "rows": rows}

"""Two pictures for the README from kept results: retrieval by set, and where the time of a search goes.

Needs matplotlib (``pip install -e '.[plots]' -c constraints.txt``); the newest kept result of each bench is taken.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.bench.machine import RESULTS_DIR

DOCS_DIR = Path(__file__).parents[2] / "docs"
COLOURS = {"hybrid": "#1f5f8b", "words": "#b8863b", "vectors": "#7a9a6d"}
STAGES = ("embed", "vectors", "words", "join", "permissions", "fusion")


def draw() -> dict[str, str]:
    """Draw both pictures; return the results that they show."""
    retrieval, latency = newest("retrieval"), newest("latency")
    draw_retrieval(json.loads(retrieval.read_text(encoding="utf-8"))["sets"], DOCS_DIR / "retrieval.svg")
    draw_latency(json.loads(latency.read_text(encoding="utf-8")), DOCS_DIR / "latency.svg")
    return {"retrieval.svg": retrieval.name, "latency.svg": latency.name}


def newest(name: str) -> Path:
    return max(RESULTS_DIR.glob(f"{name}-*.json"))


def draw_retrieval(sets: dict[str, dict], file: Path) -> None:
    """nDCG@10 of each set: hybrid beside its two legs."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3.6))
    names = sorted(sets, key=lambda name: (name[:2], name))
    for place, (mode, colour) in enumerate(COLOURS.items()):
        heights = [sets[name][mode]["ndcg@10"] for name in names]
        axes.bar([at + (place - 1) * 0.27 for at in range(len(names))], heights, 0.25, label=mode, color=colour)
    axes.set_xticks(range(len(names)), [shown(name) for name in names], rotation=35, ha="right", fontsize=8)
    axes.set_ylabel("nDCG@10")
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.18))
    finish(figure, [axes], file)


def draw_latency(result: dict, file: Path) -> None:
    """Milliseconds of each stage of a search, for one client and for sixteen on a scale of their own."""
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(9, 2.4), sharey=True)
    for axes, load, title in zip(both, ("clients_1", "clients_16"), ("1 client", "16 clients"), strict=True):
        widths = [result[load]["stages_mean"].get(stage, 0.0) for stage in STAGES]
        bars = axes.barh(STAGES, widths, 0.6, color=COLOURS["hybrid"])
        axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("milliseconds, mean")
        axes.margins(x=0.15)
    both[0].invert_yaxis()
    finish(figure, both, file)


def shown(name: str) -> str:
    return name.replace("-queries", "").replace("_", " ")


def finish(figure: object, all_axes: Iterable, file: Path) -> None:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})

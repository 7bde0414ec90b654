"""Print when vectors were filled, as JSON [[seconds since the first, vectors so far], ...], at most 60 points."""

import json
import sys
from datetime import datetime

from app.database.store import open_store
from app.settings import load_settings


def main() -> None:
    with open_store(load_settings()) as store, store.catalogue.read() as connection:
        rows = connection.execute(
            "SELECT c.at, count(*) FROM changes c JOIN vectors v ON v.sequence = c.sequence"
            " WHERE c.kind = 'vectors filled' GROUP BY c.sequence ORDER BY c.sequence"
        ).fetchall()
    points, so_far = [], 0
    began = datetime.fromisoformat(rows[0][0]) if rows else None
    for at, count in rows:
        so_far += count
        points.append(((datetime.fromisoformat(at) - began).total_seconds(), so_far))
    step = max(1, len(points) // 60)
    json.dump([*points[::step], *points[-1:]], sys.stdout)


if __name__ == "__main__":
    main()

"""Writes a small store as this release makes it: ``python -m tests.release_stores.make NUMBER`` from the repository.

Run once a release and commit the result; see README.md in this folder.
"""

import hashlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path

from app import __version__
from tests.e2e.machine import Api, Machine

HERE = Path(__file__).resolve().parent
LONG = "".join(f"Clause {number}: nothing in this clause matters but its length.\n\n" for number in range(1_400))
DOCUMENTS = {
    "轮椅借用规定.md": "# 轮椅借用规定\n\n住院患者凭腕带到一楼服务台借用轮椅，押金 300 元，最长借用 6 小时。\n",
    "torques.txt": "The flange bolts of the XJ-9000 are tightened to 45 N·m, dry.\n",
    "contract.txt": LONG + "The last clause names the keyword zirquon.\n",  # its original lies in a file of its own
}
RULED = "torques.txt"
# Words, and the document they find.
SEARCHES = {"轮椅 押金": "轮椅借用规定.md", "XJ-9000 flange bolts": RULED, "zirquon": "contract.txt"}


def make(target: Path) -> None:
    """Write data.tar, store.key and expected.json."""
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        try:
            machine.init()
            sources = Path(folder) / "sources"
            sources.mkdir()
            for name, text in DOCUMENTS.items():
                (sources / name).write_text(text, encoding="utf-8")
            machine.ingest(str(sources), "--source", "release")
            member = machine.add_user("member")
            machine.app("knowledge-bases", "grant", "default", "user:member")
            with machine.serve() as serving:
                ids = {name: one["document_id"] for name, one in serving.api.documents().items()}
                ruled = serving.api.call("PUT", f"/v1/documents/{ids[RULED]}/access", json={"readers": ["user:admin"]})
                assert ruled.status_code == 204
                assert set(Api(serving.client, member).documents()) == set(DOCUMENTS) - {RULED}
            expected = {
                "version": __version__,
                "store_id": machine.store_id,
                "administrator_key": machine.key,
                "member_key": member,
                "ruled": RULED,
                "searches": SEARCHES,
                "documents": {
                    name: {"document_id": ids[name], "sha256": hashlib.sha256(text.encode()).hexdigest()}
                    for name, text in DOCUMENTS.items()
                },
            }
            (target / "expected.json").write_text(
                json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
            (target / "store.key").write_bytes(machine.key_file.read_bytes())
            with tarfile.open(target / "data.tar", "w") as archive:
                archive.add(machine.data, arcname="data")
        finally:
            machine.close()


if __name__ == "__main__":
    make(HERE / sys.argv[1])

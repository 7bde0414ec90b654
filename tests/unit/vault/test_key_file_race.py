"""Two key files made at one path at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from app.errors import KeyUnavailable
from app.vault.key_file import make_key_file


def test_of_two_key_files_made_at_one_path_one_is_refused_and_none_overwritten(tmp_path):
    for round_number in range(20):
        path, together = tmp_path / f"{round_number}.key", Barrier(2)

        def make(path=path, together=together):
            together.wait()
            try:
                return make_key_file(path, tmp_path / "data")
            except KeyUnavailable:
                return None

        with ThreadPoolExecutor(2) as threads:
            made = [one.result() for one in [threads.submit(make) for _ in range(2)]]

        kept = [key for key in made if key is not None]
        assert len(kept) == 1
        assert path.read_text(encoding="ascii").strip() == kept[0].hex()

"""The whole service in front of a real vLLM: documents in, a question over HTTP, a streamed and cited answer out."""

from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.vllm.conftest import ModelServer

pytestmark = pytest.mark.vllm
MANUAL = (
    "The guide rails of the VF-12 filler are greased every 250 hours with food-grade grease.\n\n"
    "Belts are checked daily.\n"
)
RULE = "婚假十三天，自登记之日起一年内一次休完。\n\n年休假可结转至次年三月三十一日。\n"


def test_the_service_streams_a_cited_answer_that_vllm_wrote(model_server: ModelServer, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "filler.txt").write_text(MANUAL, encoding="utf-8")
    (folder / "休假.txt").write_text(RULE, encoding="gb18030")
    machine = Machine(
        tmp_path / "machine",
        KB_CHAT__BASE_URL=model_server.base_url,
        KB_CHAT__API_KEY=model_server.api_key,
        KB_CHAT__MODEL=model_server.model,
        KB_CHAT__CONTEXT_TOKENS=str(model_server.context_tokens // 2),
        KB_CHAT__MAX_ANSWER_TOKENS="512",
        KB_ANSWERS__CONFIDENCE_FLOOR="0",
    )
    try:
        machine.init()
        machine.ingest(str(folder))
        with machine.serve() as serving:
            events = serving.api.ask_streamed("How often are the guide rails of the VF-12 greased?")
            chinese = serving.api.ask("婚假有多少天？")
    finally:
        machine.close()

    names = [name for name, _ in events]
    sentences = [data for name, data in events if name == "sentence"]
    citations = [data for name, data in events if name == "citation"]
    done = events[-1][1]

    assert names[0] == "retrieval"
    assert names[-1] == "done"
    assert "reasoning" in names
    assert done["model"] == model_server.model
    assert done["answerable"]
    assert done["usage"]
    assert any("250 hours" in one["text"] and one["citations"] and one["supported"] for one in sentences)
    assert any("250 hours" in one["quote"] and one["external_id"] == "filler.txt" for one in citations)
    assert "十三天" in chinese["answer"]
    assert chinese["citations"]

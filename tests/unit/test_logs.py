import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.logs import ALLOWED_FIELDS, keep_allowed

REPOSITORY = Path(__file__).resolve().parents[2]
LEVELS = {"debug", "info", "warning", "warn", "error", "critical", "exception", "fatal", "msg", "log"}
FORBIDDEN_FIELDS = {
    "text", "question", "query", "answer", "title", "name", "file", "file_name", "path", "external_id", "key",
    "api_key", "password", "user", "prompt", "passage", "exception", "exc_info", "stack_info", "error", "message",
    "detail",
}  # fmt: skip


def logged(program, level="debug"):
    """Run a program with our logs and return what it wrote to stdout and to stderr."""
    start = f"import logging\nfrom app.logs import get_log, start_logs\nstart_logs({level!r})\nlog = get_log('x')\n"
    ran = subprocess.run(
        [sys.executable, "-c", start + program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return ran.stdout, ran.stderr


def calls_of_logs():
    """Every call of a logger in our code: (place, call)."""
    for file in sorted([*(REPOSITORY / "app").rglob("*.py"), *(REPOSITORY / "ingest").rglob("*.py")]):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                owner = ast.unparse(node.func.value)
                if owner in {"log", "logger", "logging", "self._log"} or "get_log" in owner:
                    yield f"{file.relative_to(REPOSITORY)}:{node.lineno}", node


def test_an_event_is_one_json_object_on_stderr():
    out, err = logged("log.info('job done', job_id='j1', count=3)")

    event = json.loads(err)
    assert out == ""
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "job done", "level": "info", "module": "x", "job_id": "j1", "count": 3}


def test_a_field_that_is_not_allowed_is_dropped_and_the_drop_is_told():
    _, err = logged("log.error('asked', question='薪资是多少', title='secret plan', request_id='r1')")

    event = json.loads(err)
    assert "薪资" not in err
    assert "secret" not in err
    assert set(event) == {"event", "level", "timestamp", "module", "request_id", "dropped"}
    assert event["dropped"] == 2


def test_what_is_allowed_keeps_its_value_when_something_else_is_dropped():
    event = keep_allowed(None, "error", {"event": "failed", "code": "store_full", "count": 7, "question": "薪资"})

    assert event["code"] == "store_full"
    assert event["count"] == 7
    assert "question" not in event


def test_fields_bound_to_a_logger_pass_the_same_list():
    _, err = logged("log.bind(question='secret', job_id='j1').info('asked')")

    assert "secret" not in err
    assert json.loads(err)["job_id"] == "j1"


def test_an_exception_leaves_no_trace_with_text_in_it():
    program = (
        "try:\n"
        "    secret = 'secret text'; raise ValueError(secret)\n"
        "except ValueError:\n"
        "    log.exception('failed'); log.error('failed', exc_info=True); log.error('failed', stack_info=True)\n"
    )

    _, err = logged(program)

    assert "secret" not in err
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["failed"] * 3


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")],
)
def test_events_below_the_level_are_not_written(level, shown):
    _, err = logged("log.debug('d'); log.info('i'); log.warning('w'); log.error('e')", level)

    assert "".join(json.loads(line)["event"] for line in err.splitlines()) == shown


@pytest.mark.parametrize(
    "library",
    [
        pytest.param("logging.getLogger('library')", id="as it comes"),
        pytest.param("logging.getLogger()", id="the root logger"),
        pytest.param("logging.getLogger('uvicorn.error')", id="the server"),
    ],
)
def test_a_library_prints_nothing(library):
    program = f"for level in (10, 20, 30, 40, 50): {library}.log(level, 'secret %s', 'text')\n"

    assert logged(program) == ("", "")


def test_a_library_that_sets_its_own_level_prints_nothing():
    program = (
        "lib = logging.getLogger('library'); lib.setLevel('DEBUG'); lib.warning('secret'); lib.critical('secret')\n"
    )

    assert logged(program) == ("", "")


def test_logs_may_be_started_again_with_another_level():
    _, err = logged("start_logs('error'); log.info('i'); log.error('e')", "info")

    assert [json.loads(line)["event"] for line in err.splitlines()] == ["e"]


def test_no_field_for_text_names_or_keys_is_allowed():
    assert not ALLOWED_FIELDS & FORBIDDEN_FIELDS


def test_each_event_in_our_code_is_a_constant_and_each_field_is_allowed():
    wrong = []
    for place, call in calls_of_logs():
        constant = (
            len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
        )
        if not constant or "%" in call.args[0].value:
            wrong.append(f"{place}: the event is no constant")
        if not {field.arg for field in call.keywords} <= ALLOWED_FIELDS:
            wrong.append(f"{place}: a field that would be dropped")

    assert wrong == []


def test_the_check_above_finds_the_calls_there_are():
    assert len(list(calls_of_logs())) >= 10

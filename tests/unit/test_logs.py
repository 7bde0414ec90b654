import json

from app.logs import get_log, start_logs


def test_a_field_that_is_not_allowed_is_dropped_and_counted(capsys):
    start_logs("info")

    get_log("tests").info("answered", request_id="r1", question="薪资是多少")

    line = capsys.readouterr().err
    assert "薪资" not in line
    assert json.loads(line)["request_id"] == "r1"
    assert json.loads(line)["code"] == "fields_dropped"


def test_below_the_level_nothing_is_written(capsys):
    start_logs("error")

    get_log("tests").info("quiet")

    assert capsys.readouterr().err == ""


def test_a_library_cannot_write_its_messages(capsys):
    import logging

    start_logs("debug")

    logging.getLogger("some.library").error("the document says 薪资")

    assert "薪资" not in capsys.readouterr().err

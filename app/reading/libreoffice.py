"""Files of older office programs, turned into today's by LibreOffice where it is installed.

Each conversion is a process of its own with a profile of its own (no macros, no links followed), confined by
``confined_office`` and killed after a time; what it makes is read in the sandbox like any other file.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from math import ceil
from pathlib import Path

from app.errors import DocumentRefused, StoreFull
from app.reading.block import ReadDocument
from app.reading.detect import CONVERTED, DOC, ODP, ODT, PPT, RTF, WPS

# Where distributions put it; none is asked for by PATH alone, which a service may lack.
PLACES = ("/usr/lib/libreoffice/program", "/usr/lib64/libreoffice/program")
# By which filters each type is opened, one after the other; left to itself LibreOffice takes what is damaged for text.
FILTERS = {
    DOC: ("MS Word 97", "MS WinWord 6.0"),
    PPT: ("MS PowerPoint 97",),
    RTF: ("Rich Text Format",),
    ODT: ("writer8",),
    ODP: ("impress8",),
    WPS: ("MS_Works",),
}
MEMORY_BYTES = 3 * 2**30  # address space, most of it libraries
PROFILE_MADE = 81  # LibreOffice ends with it after it has made a profile, and wants to be started again
MAX_REPORT_BYTES = 4_096
PROGRAM = """
import json, sys
order = json.loads(sys.argv[1])
sys.path.insert(0, order["root"])
from app.reading.confined_office import become_office
become_office(order)
"""
OPTIONS = (
    "-env:UserInstallation={url}/profile", "--headless", "--norestore", "--nolockcheck", "--nologo", "--nodefault",
)  # fmt: skip
# Place in the registry, name, value: no macros, and no links to other files or the net are followed.
PROFILE = (
    ("Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Writer/Content/Update", "Link", "2"),
    ("Java/VirtualMachine", "Enable", "false"),
)
REGISTRY = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
{items}</oor:items>
"""
ITEM = (
    '<item oor:path="/org.openoffice.Office.{place}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value>'
    "</prop></item>\n"
)
INSTALL = "Install libreoffice-writer-nogui and libreoffice-impress-nogui, or save it as {} and send that."
STOPPED = "reading was stopped; send the file again"


def office_program() -> Path | None:
    """Give the program of LibreOffice, or None where it is not installed."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    # Not the script around it, whose processes would outlive it.
    folders = ([Path(found).resolve().parent] if found else []) + [Path(place) for place in PLACES]
    return next((program for folder in folders if (program := folder / "soffice.bin").is_file()), None)


def needs_conversion(document: ReadDocument) -> bool:
    """Whether this is the answer to a file that nobody here reads, but LibreOffice converts: it holds nothing."""
    return document.media_type in CONVERTED and not document.blocks and not document.scanned


def target_of(media_type: str) -> str:
    """Give the extension of what a file becomes."""
    return CONVERTED[media_type][1]


class Converter:
    """Runs LibreOffice, one conversion at a time; usable from several threads at once.

    Attributes:
        held: the doors around the last run, and whether each is closed; empty before the first.
    """

    def __init__(self, *, timeout_s: float, memory_bytes: int, max_file_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = max(memory_bytes, MEMORY_BYTES)
        self._max_file_bytes = max_file_bytes
        self._turn = threading.Lock()
        self._running_lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self.held: dict[str, bool] = {}

    def stop(self) -> None:
        """End the conversion that is running, and let none begin."""
        with self._running_lock:
            self._stopped = True
            if self._running is not None:
                end(self._running)

    def isolation(self) -> dict[str, bool] | None:
        """Give the doors around LibreOffice and whether each is closed; None where it is not installed."""
        program = office_program()
        if program is None:
            return None
        with self._turn, tempfile.TemporaryDirectory(prefix="office-") as folder:
            self._run(program, Path(folder), ["--version"], time.monotonic() + self._timeout_s)
        return dict(self.held)

    def convert(self, content: bytes, media_type: str) -> bytes:
        """Give the file as the type of today that ``CONVERTED`` names.

        Raises:
            DocumentRefused: LibreOffice is not installed, cannot read the file, or takes too long.
            StoreFull: no room in the RAM folder.
        """
        name, target = CONVERTED[media_type]
        program = office_program()
        if program is None:
            raise DocumentRefused(
                f"{name}: needs LibreOffice, which is not installed", advice=INSTALL.format(target.upper())
            )
        # In RAM: where temporary files go is told to this process at its start.
        with self._turn, tempfile.TemporaryDirectory(prefix="office-") as folder:
            place = Path(folder)
            try:
                write_profile(place)
                (place / "file").write_bytes(content)
            except OSError as error:
                raise StoreFull("no room in the RAM folder to convert a file") from error
            deadline = time.monotonic() + self._timeout_s
            try:
                for opened_by in FILTERS[media_type]:
                    arguments = [*OPTIONS, f"--infilter={opened_by}", "--convert-to", target]
                    arguments += ["--outdir", "{base}/out", "{base}/file"]
                    code = self._run(program, place, arguments, deadline)
                    if code == PROFILE_MADE:
                        code = self._run(program, place, arguments, deadline)
                    if code == 0 and (place / "out" / f"file.{target}").exists():
                        return self.made(place / "out" / f"file.{target}")
            except subprocess.TimeoutExpired as error:
                raise DocumentRefused(
                    f"{name}: not converted within {self._timeout_s:g} seconds",
                    advice="Split the file, or raise ingest.file_timeout_s.",
                ) from error
            except OSError:
                pass
        raise DocumentRefused(
            f"{name}: LibreOffice cannot convert it, it is damaged or needs a password",
            advice=f"Open it in an office program, save it as {target.upper()} without a password and send that.",
        )

    def made(self, file: Path) -> bytes:
        """Read what was made; LibreOffice may have been taken over, so it is followed nowhere."""
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as made:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > self._max_file_bytes:
                raise OSError("not a file that was made")
            return made.read(self._max_file_bytes)

    def _run(self, program: Path, folder: Path, arguments: list[str], deadline: float) -> int:
        """Run LibreOffice to its end; give its exit code.

        Raises:
            TimeoutExpired: it was killed, the time was over.
            DocumentRefused: it was stopped.
        """
        report, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        order = {
            "program": str(program), "folder": str(folder.resolve()), "arguments": arguments, "report": theirs,
            "memory_bytes": self._memory_bytes, "file_bytes": self._max_file_bytes, "cpu_s": ceil(self._timeout_s) + 1,
            "parent": os.getpid(), "root": str(Path(__file__).resolve().parents[2]),
        }  # fmt: skip
        try:
            with self._running_lock:
                if self._stopped:
                    raise DocumentRefused(STOPPED)
                process = self._running = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                    [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", PROGRAM, json.dumps(order)],
                    pass_fds=(theirs,),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # names what it converts
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
            try:
                code = process.wait(timeout=max(deadline - time.monotonic(), 0))
            finally:
                with self._running_lock:
                    end(process)
                    self._running = None
            self.held = held_of(report)
            if self._stopped:
                raise DocumentRefused(STOPPED)
        finally:
            os.close(report)
            os.close(theirs)
        return code


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with all that it started, and wait for it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def held_of(report: int) -> dict[str, bool]:
    """Take the report of the doors that are closed; empty if none came."""
    try:
        held = json.loads(os.read(report, MAX_REPORT_BYTES))
    except (BlockingIOError, ValueError):
        return {}
    return {str(name): closed is True for name, closed in held.items()} if isinstance(held, dict) else {}


def write_profile(folder: Path) -> None:
    """Write the settings of LibreOffice where it looks for them."""
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    items = "".join(ITEM.format(place=place, name=name, value=value) for place, name, value in PROFILE)
    (user / "registrymodifications.xcu").write_text(REGISTRY.format(items=items), encoding="utf-8")

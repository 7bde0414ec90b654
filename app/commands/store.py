"""Commands that make a store and look after it: init, doctor, models."""

import secrets
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.credentials import Credentials, hand_over, refuse_old_first_login
from app.commands.output import say, show, show_json
from app.errors import StoreExists, StrongroomError
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.database.store import Store

ADMINISTRATOR = "admin"
DEFAULT_BASE = "default"
LOW_RAM_BYTES = 2 * 2**30

models = typer.Typer(help="The models of this machine.", no_args_is_help=True)


def init(
    as_json: Annotated[bool, typer.Option("--json", help="Print the credentials as one JSON object.")] = False,
) -> None:
    """Make keys, store, the first administrator and an API key; they are shown once."""
    from app.accounts.api_keys import issue_key
    from app.accounts.people import add_user, new_password
    from app.database.audit import Act, local_actor
    from app.inference.prepare import prepare_models
    from app.knowledge.bases import add_knowledge_base
    from app.knowledge.passage import Asker
    from app.vault.hygiene import harden_process
    from app.vault.keyring import open_keyring, replace_recovery_key

    harden_process()
    settings = load_settings()
    if settings.key_file is not None and not as_json:
        refuse_old_first_login(settings.key_file)
    prepare_models(settings.embedding, settings.models_dir, say)
    password = new_password()
    with new_store(settings) as store:
        key_file = settings.key_file_for(store.store_id)
        _, recovery_key = replace_recovery_key(settings.data_dir, open_keyring(settings.data_dir, key_file))
        actor = local_actor()
        with store.transaction(Act(secrets.token_hex(8), actor, "init", store.store_id)) as transaction:
            user_id = add_user(transaction, ADMINISTRATOR, role="administrator", password=password)
            key = issue_key(transaction, store, user=ADMINISTRATOR, name="first")
            add_knowledge_base(transaction, DEFAULT_BASE, asker=Asker(user_id), actor=actor)
    credentials = Credentials(ADMINISTRATOR, password, key, recovery_key.shown())
    say(f"Store made.\ndata folder   {settings.data_dir}\nkey file      {key_file}")
    if as_json:
        show_json(asdict(credentials))
    else:
        hand_over(credentials, key_file)
    say(
        "\nWithout the key file or the recovery key nobody can read this store again, and a copy of"
        f" {settings.data_dir} alone is not enough.\n"
        "Keep the recovery key on paper or in a password manager, apart from this machine; it is not shown again.\n"
        "Then run 'python -m app keys confirm-recovery'."
    )


def new_store(settings: Settings) -> "Store":
    """Make the store, or open one whose init was cut off before it had a user.

    Raises:
        StoreExists: one that is in use.
    """
    from app.database.store import MANIFEST_FILE, create_store, open_store

    try:
        return create_store(settings)
    except StoreExists:
        if not (settings.data_dir / MANIFEST_FILE).exists():
            raise
        store = open_store(settings)
        with store.catalogue.read() as connection:
            in_use = connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None
        if in_use:
            store.close()
            raise
        return store


@models.command("prepare")
def prepare() -> None:
    """Make the embedding model of the settings ready on this machine; quick when it is."""
    from app.inference.prepare import prepare_models

    settings = load_settings()
    space = prepare_models(settings.embedding, settings.models_dir, say)
    show(f"{space.description}\nspace {space.space_id}, {space.dimension} dimensions")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False,
) -> None:
    """Check store, key, RAM folder, model and disk, and say how to mend what is wrong."""
    settings = load_settings()
    checks = (
        check_store, check_recovery, check_key_place, check_ram, check_disk, check_swap, check_model, check_readers,
        check_office
    )  # fmt: skip
    findings = [check(settings) for check in checks]
    if as_json:
        show_json({"findings": findings})
    else:
        for finding in findings:
            state = "TROUBLE" if not finding["ok"] else "warning" if finding["warning"] else "ok"
            show(f"{state:7}  {finding['what']}: {finding['detail']}")
    raise typer.Exit(0 if all(finding["ok"] for finding in findings) else 1)


def finding(what: str, *, ok: bool, detail: str, warning: bool = False) -> dict[str, object]:
    """Return one finding; a warning is no trouble yet."""
    return {"what": what, "ok": ok, "warning": warning, "detail": detail}


def check_store(settings: Settings) -> dict[str, object]:
    """Whether the store opens with its key."""
    from app.database.store import open_store

    try:
        with open_store(settings) as store, store.catalogue.read() as connection:
            documents = connection.execute("SELECT count(*) FROM versions WHERE state = 'current'").fetchone()[0]
            waiting = connection.execute("SELECT count(*) FROM missing_vectors").fetchone()[0]
        return finding("store", ok=True, detail=f"{documents} documents, {waiting} chunks wait for vectors")
    except StrongroomError as error:
        return finding("store", ok=False, detail=f"{error}. {error.advice}")


def check_recovery(settings: Settings) -> dict[str, object]:
    """Whether somebody showed that they have the recovery key."""
    from app.vault.keyring import of_kind, read_keyring
    from app.vault.recovery_key import KIND

    what = "recovery key"
    try:
        _, slots = read_keyring(settings.data_dir)
    except StrongroomError as error:
        return finding(what, ok=False, detail=f"{error}. {error.advice}")
    found = of_kind(slots, KIND)
    if not found:
        detail = "none: if the key file is lost, so is the store. Run 'python -m app keys recovery'."
        return finding(what, ok=True, warning=True, detail=detail)
    if found[0].confirmed is None:
        detail = "nobody has shown yet that it was kept. Run 'python -m app keys confirm-recovery'."
        return finding(what, ok=True, warning=True, detail=detail)
    return finding(what, ok=True, detail=f"confirmed at {found[0].confirmed}")


def check_key_place(settings: Settings) -> dict[str, object]:
    """Whether one lost disk takes the key and the data, or one stolen disk gives both."""
    from app.vault.keyring import read_keyring

    what = "place of the key file"
    try:
        store_id, _ = read_keyring(settings.data_dir)
        key_file = settings.key_file_for(store_id)
        together = key_file.parent.stat().st_dev == settings.data_dir.stat().st_dev
    except (StrongroomError, OSError):
        return finding(what, ok=True, detail="not known while there is no key or store")  # check_store says why
    if together:
        detail = (
            f"{key_file} lies on the same file system as {settings.data_dir}: whoever takes that disk takes both."
            " Set KB_KEY_FILE to another one."
        )
        return finding(what, ok=True, warning=True, detail=detail)
    return finding(what, ok=True, detail=str(key_file))


def check_ram(settings: Settings) -> dict[str, object]:
    """Whether the RAM folder is one, and has room."""
    from app.knowledge.ram import is_in_ram

    root = settings.ram_root()
    existing = root if root.exists() else root.parent
    if not is_in_ram(existing.resolve()):
        return finding("RAM folder", ok=False, detail=f"{root} lies on a disk. Set KB_RAM_DIR to a tmpfs folder.")
    free = shutil.disk_usage(existing).free
    detail = f"{root}, {free // 2**20:,} MiB free"
    return finding("RAM folder", ok=free >= LOW_RAM_BYTES, detail=detail)


def check_disk(settings: Settings) -> dict[str, object]:
    """Whether the disk of the data folder has room."""
    existing = settings.data_dir if settings.data_dir.exists() else settings.data_dir.parent
    free = shutil.disk_usage(existing).free
    return finding("disk", ok=free >= 2**30, detail=f"{settings.data_dir}, {free // 2**20:,} MiB free")


def check_swap(_settings: Settings) -> dict[str, object]:
    """Whether what lies in RAM could be written to a disk by swapping."""
    from pathlib import Path

    swaps = Path("/proc/swaps").read_text(encoding="ascii", errors="replace").splitlines()[1:]
    detail = "off" if not swaps else "on: indexes in RAM can be swapped to disk. Switch it off, or encrypt it."
    return finding("swap", ok=not swaps, detail=detail)


def check_model(settings: Settings) -> dict[str, object]:
    """Whether the embedding model is ready."""
    from app.inference.embedder import model_space

    try:
        return finding(
            "embedding model", ok=True, detail=model_space(settings.embedding, settings.models_dir).description
        )
    except StrongroomError as error:
        return finding("embedding model", ok=False, detail=f"{error}. {error.advice}")


def check_readers(settings: Settings) -> dict[str, object]:
    """Which walls around the reading processes hold on this machine."""
    from app.reading.pool import ReaderPool

    with ReaderPool(settings.ingest) as pool:
        missing = [door for door, closed in pool.isolation.items() if not closed]
    detail = "all walls hold" if not missing else "not on this machine: " + ", ".join(missing)
    return finding("reading sandbox", ok=not missing, detail=detail)


def check_office(settings: Settings) -> dict[str, object]:
    """Look whether old Office files can be converted, and which walls around that hold."""
    from app.reading.pool import ReaderPool

    what = "old Office files"
    with ReaderPool(settings.ingest) as pool:
        held = pool.converter.isolation()
    if held is None:
        detail = "LibreOffice is not installed, so DOC, PPT, RTF, ODT, ODP and WPS files are refused"
        return finding(what, ok=True, detail=detail)
    if not held:
        return finding(what, ok=False, detail="LibreOffice is installed but does not start")
    missing = [door for door, closed in held.items() if not closed]
    detail = f"not closed on this machine: {', '.join(missing)}" if missing else "LibreOffice, all walls hold"
    return finding(what, ok=not missing, detail=detail, warning=bool(missing))

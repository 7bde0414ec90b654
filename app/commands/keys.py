"""Commands on the keys of a store: list, confirm-recovery, recover, recovery."""

import getpass
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.credentials import first_login_file
from app.commands.output import say, show, show_json, show_rows
from app.errors import ConflictError, KeyUnavailable, UsageError
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.database.store import Store
    from app.vault.recovery_key import RecoveryKey

MOST_TYPED_BYTES = 1_024

keys = typer.Typer(help="Keys of the store: list, confirm-recovery, recover, recovery.", no_args_is_help=True)


@keys.command("list")
def list_slots(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List what opens this store; the keys themselves are kept nowhere."""
    from app.vault.keyring import read_keyring

    store_id, slots = read_keyring(load_settings().data_dir)
    rows: list[dict[str, object]] = [
        {"slot_id": slot.slot_id, "kind": slot.kind, "made": slot.made, "confirmed": slot.confirmed} for slot in slots
    ]
    if as_json:
        show_json({"store_id": store_id, "slots": rows})
    else:
        shown: list[dict[str, object]] = [
            {
                "id": slot.slot_id,
                "kind": slot.kind,
                "made (UTC)": minute(slot.made),
                "confirmed": minute(slot.confirmed),
            }
            for slot in slots
        ]
        show_rows(shown, ["id", "kind", "made (UTC)", "confirmed"])


@keys.command("confirm-recovery")
def confirm_recovery() -> None:
    """Type the recovery key once, to show that you have it; 'doctor' then warns no longer."""
    from app.vault.keyring import confirm, open_with_recovery_key, read_keyring

    settings = begin()
    store_id, _ = read_keyring(settings.data_dir)
    refuse_without_recovery_key(settings)
    key = ask_recovery_key()
    with keyring_change(settings):
        slot, root_key = open_with_recovery_key(settings.data_dir, key)
        with opened_with(settings, root_key) as store, audited(store, "confirm recovery key", slot.slot_id):
            confirm(settings.data_dir, slot.slot_id)
    show("This recovery key opens the store; confirmed.")
    file = first_login_file(settings.key_file_for(store_id))
    if os.path.lexists(file):
        say(f"Once it is kept elsewhere, delete {file}: the recovery key stands in it.")


@keys.command("recover")
def recover() -> None:
    """Make a new key file with the recovery key, where the key file is lost."""
    from app.vault.keyring import open_with_recovery_key, read_keyring, replace_key_file

    settings = begin()
    store_id, _ = read_keyring(settings.data_dir)
    key_file = settings.key_file_for(store_id)
    refuse_without_recovery_key(settings)
    refuse_recovery_over_a_key(settings)
    key = ask_recovery_key()
    with keyring_change(settings):
        refuse_recovery_over_a_key(settings)
        _, root_key = open_with_recovery_key(settings.data_dir, key)
        with opened_with(settings, root_key) as store, audited(store, "recover key file", store_id):
            replace_key_file(settings.data_dir, key_file, root_key)
    show(f"New key file: {key_file}")
    say("A former key file does not open this data folder any more. The recovery key still does: keep it as before.")


@keys.command("recovery")
def recovery() -> None:
    """Make a new recovery key, shown once; the former one opens the store no longer."""
    from app.database.store import open_store
    from app.vault.keyring import open_keyring, replace_recovery_key

    settings = begin()
    with keyring_change(settings), open_store(settings) as store:
        root_key = open_keyring(settings.data_dir, settings.key_file_for(store.store_id))
        with audited(store, "replace recovery key", store.store_id):
            _, key = replace_recovery_key(settings.data_dir, root_key)
    # To stdout also where that is no terminal: whoever runs this asks for the key and for nothing else.
    show(key.shown())
    say("Keep it on paper or in a password manager, apart from this machine; it is not shown again.")
    say("Then run 'python -m app keys confirm-recovery'.")


def minute(time: str | None) -> str:
    """Return a time as short as a table of 80 columns needs it."""
    return "" if time is None else time[:16].replace("T", " ")


def begin() -> Settings:
    """Harden the process before a key is in it, and read the settings."""
    from app.vault.hygiene import harden_process

    harden_process()
    return load_settings()


def ask_recovery_key() -> "RecoveryKey":
    """Ask at the terminal without showing what is typed, else take one line of stdin.

    Raises:
        UsageError: nothing, or a typing error.
    """
    from app.vault.recovery_key import RecoveryKey

    if sys.stdin.isatty():
        try:
            typed = getpass.getpass("Recovery key (not shown while you type): ")
        except (EOFError, UnicodeDecodeError):
            typed = ""
    else:
        typed = sys.stdin.buffer.readline(MOST_TYPED_BYTES).decode("utf-8", errors="replace")
    if not typed.strip():
        raise UsageError(
            "no recovery key was given", advice="Type it at the terminal, or send it as one line to stdin."
        )
    return RecoveryKey.typed(typed)


def refuse_without_recovery_key(settings: Settings) -> None:
    """Stop before the key is asked for.

    Raises:
        KeyUnavailable: nothing was made that a recovery key could open.
    """
    from app.vault.keyring import of_kind, read_keyring
    from app.vault.recovery_key import KIND

    store_id, slots = read_keyring(settings.data_dir)
    if not of_kind(slots, KIND):
        raise KeyUnavailable(
            f"store {store_id} has no recovery key",
            advice="With the key file, 'python -m app keys recovery' makes one.",
        )


def refuse_recovery_over_a_key(settings: Settings) -> None:
    """Stop where a key file is: it opens this store, or it may be all that opens another.

    Raises:
        ConflictError: it opens this store.
        KeyUnavailable: something else is in its place.
    """
    from app.vault.keyring import open_keyring, read_keyring

    store_id, _ = read_keyring(settings.data_dir)
    key_file = settings.key_file_for(store_id)
    if not os.path.lexists(key_file):
        return
    try:
        open_keyring(settings.data_dir, key_file)
    except KeyUnavailable as error:
        raise KeyUnavailable(
            f"{error}. It is left as it is",
            advice=f"It may open another store: move it away (mv {key_file} {key_file}.old) and run this again.",
        ) from error
    raise ConflictError(
        f"the key file {key_file} opens this store: there is nothing to recover",
        advice="Where the recovery key is lost, 'python -m app keys recovery' makes a new one.",
    )


@contextmanager
def keyring_change(settings: Settings) -> Iterator[None]:
    """Let one command at a time change the keyring."""
    from app.database.locks import hold_for_life
    from app.vault.keyring import read_keyring

    read_keyring(settings.data_dir)  # where there is no store, no folder is made for its locks
    with hold_for_life(settings.data_dir / "locks" / "keyring.lock", what="another change of keys"):
        yield


@contextmanager
def opened_with(settings: Settings, root_key: bytes) -> Iterator["Store"]:
    """Open the store with a root key that came from the recovery key."""
    from app.database.store import Store, check_mac, read_manifest

    manifest, mac = read_manifest(settings.data_dir)
    check_mac(manifest, mac, root_key)
    with Store(settings.data_dir, manifest, root_key) as store:
        yield store


@contextmanager
def audited(store: "Store", action: str, target: str) -> Iterator[None]:
    """Record an act that changes no database."""
    from app.database.audit import Act, local_actor

    act = Act(secrets.token_hex(8), local_actor(), action, target)
    store.audit.record(act, "intended")
    try:
        yield
    except BaseException:
        store.audit.record(act, "failed")
        raise
    store.audit.record(act, "done")

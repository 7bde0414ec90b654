"""Whether a service runs on this store, and how far its indexes are: asked over its socket."""

import time

import httpx

from app.database.locks import is_held
from app.database.store import Store
from app.knowledge.ram import socket_file
from app.settings import Settings

POLL_S = 0.2


def wait_for_service(settings: Settings, store: Store) -> None:
    """Wait until the running service has passed what is committed now; return at once if none runs."""
    with store.catalogue.read() as connection:
        committed = int(connection.execute("SELECT value FROM counters WHERE name = 'change'").fetchone()[0])
    transport = httpx.HTTPTransport(uds=str(socket_file(settings, store.store_id)))
    with httpx.Client(transport=transport, base_url="http://strongroom", timeout=10.0) as client:
        while is_held(store.lock_file("serve")):
            try:
                if int(client.get("/readyz").json().get("sequence", 0)) >= committed:
                    return
            except (httpx.HTTPError, ValueError):
                pass  # starting or stopping: the lock tells when it is gone
            time.sleep(POLL_S)

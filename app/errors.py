"""Everything that can go wrong, as one tree; each class carries a stable code and advice.

    StrongroomError
    ├── UsageError                    the request or command cannot be understood
    ├── SettingsError                 configuration that does not hold
    ├── StoreError                    the store or its key
    │   ├── StoreMissing              no store at this place
    │   ├── StoreExists               init where a store is already
    │   ├── StoreBusy                 another process holds a lock that is needed
    │   ├── StoreReplaced             another generation of the store became current
    │   ├── StoreDamaged              a file of the store fails its check
    │   │   └── SealBroken            a sealed file or key does not open
    │   ├── StoreFull                 no room on the disk or in the RAM folder
    │   └── KeyUnavailable            the key file is missing, unsafe or of another store
    ├── AccessError
    │   ├── NotAuthenticated          no valid API key or session
    │   │   └── WrongCredentials      user name or password is wrong; nobody is told which
    │   ├── NotPermitted              signed in, but not for this
    │   │   └── CsrfRefused           a session cookie without the page's own token
    │   └── NotFound                  does not exist, or may not be seen: the same answer
    ├── ConflictError
    │   ├── DocumentExists            the same name with other content
    │   └── NameTaken                 a user, group or knowledge base of this name exists
    ├── DocumentRefused               this file cannot be taken in; the reason names why
    │   └── DocumentLocked            it needs a password, or another one than was given
    ├── TooLarge                      over a limit of the settings
    ├── TooBusy                       beyond capacity; try again later
    │   └── TooManyAttempts           too many wrong passwords for now
    └── ModelUnavailable              an embedding or chat model does not answer

Texts of documents, questions and keys never stand in a message that is logged;
HTTP numbers live in ``app.api.error_handlers`` and exit codes in the two ``__main__``.
"""


class StrongroomError(Exception):
    """Root of the tree.

    Attributes:
        code: stable identifier for programs.
        advice: what the person who sees it can do, one sentence.
    """

    code = "error"
    advice = "See the log of the service for this request id."

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        """Keep the message, and advice that is more specific than the class's own."""
        super().__init__(message)
        if advice is not None:
            self.advice = advice


class UsageError(StrongroomError):
    """The request or command cannot be understood."""

    code = "usage"
    advice = "Correct the request and send it again."


class SettingsError(StrongroomError):
    """Configuration that does not hold."""

    code = "settings"
    advice = "Correct the setting; configs/default.yaml documents each."


class StoreError(StrongroomError):
    """The store or its key."""

    code = "store"


class StoreMissing(StoreError):
    """No store at this place."""

    code = "store_missing"
    advice = "Run 'python -m app init', or point KB_DATA_DIR at the store."


class StoreExists(StoreError):
    """Init where a store is already."""

    code = "store_exists"
    advice = "Use the store that is there, or set KB_DATA_DIR to another folder."


class StoreBusy(StoreError):
    """Another process holds a lock that is needed."""

    code = "store_busy"
    advice = "Wait for the other process, or stop it."


class StoreReplaced(StoreError):
    """Another generation of the store became current while this process had the old one open."""

    code = "store_replaced"
    advice = "Start the process again; it then opens the current generation."


class StoreDamaged(StoreError):
    """A file of the store fails its check."""

    code = "store_damaged"
    advice = "Stop writing to this store and restore it from a backup."


class SealBroken(StoreDamaged):
    """A sealed file or a wrapped key does not open: wrong key, wrong place or changed bytes."""

    code = "seal_broken"


class StoreFull(StoreError):
    """No room on the disk or in the RAM folder."""

    code = "store_full"
    advice = "Free some space; nothing that was acknowledged is lost."


class KeyUnavailable(StoreError):
    """The key file is missing, unsafe or of another store."""

    code = "key_unavailable"
    advice = "Put the key file of this store in place (KB_KEY_FILE names it), mode 0600."


class AccessError(StrongroomError):
    """Who may do what."""

    code = "access"


class NotAuthenticated(AccessError):
    """No valid API key or session."""

    code = "not_authenticated"
    advice = "Sign in, or send a valid API key as 'Authorization: Bearer ...'."


class WrongCredentials(NotAuthenticated):
    """User name or password is wrong: the same for an unknown name, a disabled user and a wrong password."""

    code = "wrong_credentials"
    advice = "Type both again; an administrator can reset a lost password."


class NotPermitted(AccessError):
    """Signed in, but not for this."""

    code = "not_permitted"
    advice = "Ask an administrator for the permission."


class CsrfRefused(NotPermitted):
    """A session cookie came without the token that the page itself holds."""

    code = "csrf"
    advice = "Send the csrf_token of GET /v1/session as the header X-CSRF-Token."


class NotFound(AccessError):
    """Does not exist, or may not be seen by the caller: the same answer for both."""

    code = "not_found"
    advice = "Check the name or id."


class ConflictError(StrongroomError):
    """The state of the store does not allow this as asked."""

    code = "conflict"


class DocumentExists(ConflictError):
    """A document of the same name with other content is there."""

    code = "document_exists"
    advice = "Send replace=<document id> for a new version, or keep_both=true."

    def __init__(self, message: str, *, document_id: str) -> None:
        """Carry the id of the document that is there."""
        super().__init__(message)
        self.document_id = document_id


class NameTaken(ConflictError):
    """A user, group or knowledge base of this name exists."""

    code = "name_taken"
    advice = "Choose another name."


class DocumentRefused(StrongroomError):
    """A file that cannot be taken in; the message is the reason, for its owner's eyes."""

    code = "document_refused"
    advice = "Mend or convert the file and send it again; the others went on."


class DocumentLocked(DocumentRefused):
    """A file that needs a password, or another one than was given."""

    code = "document_locked"
    advice = "Send it with its password, or save a copy without one and send that."


class TooLarge(StrongroomError):
    """Over a limit of the settings."""

    code = "too_large"
    advice = "Send less at once, or raise the limit in the settings."


class TooBusy(StrongroomError):
    """Beyond capacity."""

    code = "too_busy"
    advice = "Try again in a few seconds."


class TooManyAttempts(TooBusy):
    """Too many wrong passwords for now."""

    code = "too_many_attempts"
    advice = "Wait as long as Retry-After says, then try again."

    def __init__(self, message: str, *, advice: str | None = None, retry_after_s: int = 60) -> None:
        """Carry how long to wait."""
        super().__init__(message, advice=advice)
        self.retry_after_s = retry_after_s


class ModelUnavailable(StrongroomError):
    """An embedding or chat model does not answer."""

    code = "model_unavailable"
    advice = "Run 'python -m app doctor'; it says which model and how to mend it."

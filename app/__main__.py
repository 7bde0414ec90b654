"""python -m app COMMAND: the composition root of the service and its commands."""

import sys

import typer

from app.commands import certificates, documents, keys, people, query, serve, start, store
from app.errors import SettingsError, StoreError, StrongroomError, UsageError
from app.logs import start_logs

# Exit codes: 0 done, 1 refused, 2 usage, 3 store or key trouble.
REFUSED, USAGE, STORE = 1, 2, 3

cli = typer.Typer(
    help="Strongroom: a private, sealed knowledge base that answers with citations.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli.command()(store.init)
cli.command()(start.start)
cli.command()(serve.serve)
cli.command()(query.search)
cli.command()(query.ask)
cli.command()(query.evaluate)
cli.command()(store.doctor)
for name, group in (
    ("documents", documents.documents),
    ("jobs", query.jobs),
    ("knowledge-bases", people.knowledge_bases),
    ("users", people.users),
    ("groups", people.groups),
    ("api-keys", people.api_keys),
    ("audit", people.audit),
    ("keys", keys.keys),
    ("certificates", certificates.certificates),
    ("models", store.models),
):
    cli.add_typer(group, name=name)


def main() -> None:
    """Run a command and turn errors into one line with advice."""
    start_logs("warning")  # serve starts them again as the settings say
    try:
        cli()
    except StrongroomError as error:
        print(f"{error}\n{error.advice}", file=sys.stderr)
        sys.exit(exit_code(error))


def exit_code(error: StrongroomError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, UsageError | SettingsError):
        return USAGE
    return STORE if isinstance(error, StoreError) else REFUSED


if __name__ == "__main__":
    main()

"""Strongroom: a private, sealed knowledge base that answers with citations.

A map of the packages, top to bottom; each may import only what stands below it
(checked by import-linter, see pyproject.toml):

    commands                python -m app COMMAND
    api, web                HTTP routes; the page
    langchain               our retriever as a LangChain BaseRetriever
    answering               question -> cited answer, as a stream of typed events
    knowledge, accounts     documents, indexes, permissions | users, groups, API keys
    database                SQLCipher, migrations, the one way to write, locks
    inference               embedding and chat models
    reading                 bytes -> blocks, in a sandboxed child process
    vault                   keys, sealed files, opaque ids
    settings, logs          configuration and structured logs
    errors                  everything that can go wrong, with advice

Importing this package does nothing.
"""

__version__ = "0.1.0"

"""What a run was made from: the files of its domain and the prompts, as they were, in its folder.

A domain goes on changing after a run is made from it. With this copy, which is a few hundred
kilobytes of text, anybody can say later what has changed since.
"""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from workbench.conversation import hash_text
from workbench.domain import (
    PROMPTS,
    WORDS,
    Domain,
    UnknownDomainError,
    find_domain,
    hash_prompts,
    read_design,
)
from workbench.run import Run, RunError, replace_file

FOLDER = "made_from"
"""Where the copy lies in the run's folder: `domain/` and `prompts/`."""


class SourceError(RunError):
    """What a run was made from is not known; the message says how to go on."""


FOR_MODELS = re.compile(r"prompt\.(?:teacher|customer|rewrite)_")
"""Prompts that only models get which write conversations: nothing else rests on them."""


def hash_domain(domain: Domain) -> str:
    """By which a run knows the domain it was made from: any change to its files changes it."""
    return hash_text(sorted(p for p in domain.hashes.items() if not FOR_MODELS.match(p[0])))


def keep_source(run: Run, domain: Domain) -> None:
    """Copy the files of the domain and the prompts into the run.

    A run whose conversations were begun with another domain keeps the copy that it has.
    """
    made_of = run.manifest.get("synthesize", {}).get("inputs", {}).get("data")
    if made_of not in (None, hash_domain(domain)):
        return
    wanted = _list_files(domain.folder)
    for name, file in wanted.items():
        content, kept = file.read_bytes(), run.file(f"{FOLDER}/{name}")
        if not kept.exists() or kept.read_bytes() != content:
            replace_file(kept, content)
    # a file that the domain no longer has is no part of it
    for kept in sorted(run.file(FOLDER).rglob("*.*")):
        if kept.is_file() and kept.relative_to(run.file(FOLDER)).as_posix() not in wanted:
            kept.unlink()


def find_place(run: Run) -> str:
    """Name or folder of the domain that a run is of, as its notebooks were given it.

    Of a run from elsewhere, whose folder there is none here, it is the name.
    """
    notebooks = run.manifest.get("notebooks", {}).values()
    given = [notebook.get("parameters", {}).get("domain") for notebook in notebooks]
    for place in filter(None, given):
        with suppress(UnknownDomainError):
            find_domain(place)
            return place
    return run.domain


def read_source(run: Run, today: Domain) -> Domain:
    """The domain as it was when the run was made, the hashes of its prompts included.

    A prompt of which the run keeps no copy is taken for what it is today: its conversations know
    themselves what they were made from. Runs from before there were copies are of use where the
    domain is still what it was.

    Raises:
        SourceError: the run keeps no copy, and was made from something else than `today`.
        DomainError: the copy cannot be read.
    """
    folder = run.file(f"{FOLDER}/domain")
    if folder.exists():
        domain = read_design(folder)
        prompts = hash_prompts(run.file(f"{FOLDER}/prompts"))
        return replace(domain, hashes=domain.hashes | prompts)
    if run.manifest.get("synthesize", {}).get("inputs", {}).get("data") == hash_domain(today):
        return today
    raise SourceError(
        f"{run.folder} keeps no copy of the domain that it was made from, and the domain has"
        " changed since; put its files back as they were (git has them), run stage 1 of that run"
        " again, which keeps a copy, then change them"
    )


def _list_files(folder: Path) -> dict[str, Path]:
    """Name in the copy to file."""
    files = [*folder.glob("*.yaml"), *folder.glob("*.md"), *folder.glob("phrases/*.yaml")]
    domain = {f"domain/{file.relative_to(folder).as_posix()}": file for file in sorted(files)}
    # what a judge is told changes no conversation
    prompts = [file for file in sorted(PROMPTS.glob("*.md")) if not file.stem.startswith("judge_")]
    return domain | {f"prompts/{file.name}": file for file in [*prompts, PROMPTS / WORDS]}

"""No domain's word stands in the package: what it knows of a domain it reads in its folder.

The words are the domains' own: all names and values in their files, and what their phrase books say
often and others seldom or never. They are looked for in the names, comments and texts of the code
and in prompts; docstrings may teach with them. A word that means something else in the code is in
`EVERYDAY`, with what it means there.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from workbench.domain import Domain, find_domain, list_domains, read_domain

PACKAGE = Path(__file__).parents[1] / "workbench"
# the template is a domain of its own, and what is published is of the paper's procedures
OTHERS = (
    PACKAGE / "design" / "template",
    *((PACKAGE / "evaluate").glob("published_*")),
)
FILES = [
    file
    for kind in ("py", "md", "yaml")
    for file in sorted(PACKAGE.rglob(f"*.{kind}"))
    if not {file, *file.parents} & {*OTHERS}
]

EVERYDAY = {
    "account": "of whoever pays for calls of an API",
    "agency": "whoever the agent works for, in every domain",
    "ahead": "of what follows in a walk or a text",
    "amount": "a number that is stated",
    "auto": "chosen by the program",
    "background": "a colour of a page",
    "book, books": "a phrase book",
    "browser": "what shows pages, or conversations to look through",
    "budget": "bytes that a memory may take",
    "callback": "what a library calls",
    "cancel": "to end what a program has begun",
    "card": "a model's, or of a figure on a page",
    "cannot share": "a batch that processes cannot divide",
    "changes": "a customer's changes of mind",
    "charge": "what a call of an API costs",
    "claim, claims": "a stage claims the files of its run",
    "code": "program text",
    "confirmation": "what an agent waits for before it acts",
    "cost": "seconds and tokens, or steps of an alignment",
    "coverage": "what of a flowchart was walked",
    "dates": "one of the kinds of things whose truth is computed",
    "decision": "what a router or an agent comes to at a hub",
    "default": "a value where none is given",
    "device": "a processor with its memory",
    "documents": "parts of a file of YAML",
    "event": "what an event loop waits for, or a parser tells",
    "fault": "what is wrong with a file or an agent",
    "file": "what a disk keeps",
    "film": "what nobody here can help with, in plain phrases",
    "filters": "narrows down what is found",
    "finalize": "what a database does at its end",
    "fixed": "what does not change any more",
    "group, groups": "several together",
    "high": "of numbers",
    "home": "a user's folder, or where a walk belongs",
    "host": "where a server listens",
    "locked": "of the folder of a run",
    "mac os": "the system that the code runs on",
    "may": "the verb",
    "network": "what some machines do not have",
    "offer, offers": "whatever an agent puts to the customer",
    "often": "how many times",
    "older": "of versions",
    "opening": "what an agent says first",
    "parent": "of a folder or a file",
    "pay": "for calls of an API",
    "peak": "the most memory that was used",
    "plan": "of paths and of customers",
    "platform": "the system that the code runs on",
    "policy": "a library's word for how it divides a model",
    "port, ports": "where a server listens",
    "practice": "talks that a recognizer learns from",
    "price": "of a call of an API",
    "problem": "what is wrong with a file",
    "provider": "who answers calls of an API",
    "questions": "of customers, and to a judge",
    "reach": "to come to",
    "record": "what a customer has told so far",
    "reserve": "money, before it is spent",
    "review": "a person's word on a conversation",
    "second thoughts": "of a customer who would rather not after all",
    "share": "a part of a whole",
    "sibling": "a paper by the same authors",
    "sign": "a character, or of a number",
    "sound": "without fault",
    "speed": "of a computation",
    "statistics": "means and intervals",
    "success": "of a customer who was served as it should be",
    "support": "to be able to",
    "test, tested": "one side of the split",
    "trip, trips": "a side trip",
    "version": "of a package",
    "waiting": "of calls and of rows",
    "windows": "a system, in the names of files and of encodings",
    "worked": "of what was tried, in plain phrases",
    "working": "of what can be run",
}
"""Word to what it means in the package, where that is not what it means in a domain."""

OFTEN, RARER = 60, 10
"""A phrase book's own words: in so many wordings, and elsewhere so many times as rare."""

HELP = {"__main__.py"}
"""Files whose help texts name a domain that there is, so that a command can be copied."""

ALLOWED = {tuple(one.split()) for words in EVERYDAY for one in words.split(", ")}


def split_words(text: str) -> list[str]:
    """Example: "handle_response", "HandleResponse" -> ["handle", "response"]"""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).lower())


def list_names(domain: Domain) -> list[str]:
    """All that the files of a domain name, and the values of its slots."""
    chart = domain.flowchart
    names = [chart.name, chart.title, domain.agency, *chart.nodes, *chart.outcomes, *domain.facts]
    names += [*domain.slots, *domain.offers, *(offer.name for offer in domain.offers.values())]
    names += [name for node in chart.nodes.values() for name in node.routes]
    return names + [value for talk in domain.slots.values() for value in talk.values]


@cache
def read(name: str) -> Domain:
    return read_domain(find_domain(name))


@cache
def count_said(name: str) -> tuple[int, Counter[str]]:
    """How many wordings the phrase books of a domain have, and in how many each word is."""
    domain = read(name)
    books = (domain.agent, domain.customer)
    texts = [w.text for book in books for key in book.keys for w in book.wordings(key)]
    said = Counter(word for text in texts for word in {*split_words(re.sub(r"{.*?}", "", text))})
    return len(texts), said


def list_own_words(name: str) -> set[str]:
    """The words of more than three letters that this domain says often and others hardly."""
    n, said = count_said(name)
    others = [count_said(other) for other in list_domains() if other != name]
    own = [word for word, k in said.items() if k >= OFTEN and len(word) > 3]
    return {w for w in own if all(RARER * c[w] / m < said[w] / n for m, c in others)}


def list_terms(name: str) -> set[tuple[str, ...]]:
    """The words of a domain, each as one or several that follow each other."""
    terms = {tuple(split_words(text)) for text in list_names(read(name))}
    terms |= {(w,) for w in list_own_words(name)}
    return {term for term in terms if len("".join(term)) > 2} - ALLOWED


def iterate_docstrings(tree: ast.AST):
    """Where texts stand that are no data: those of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.Expr) and isinstance(value, ast.Constant):
                yield value.lineno, value.col_offset


def iterate_texts(source: str, is_python: bool):
    """What is code or data of a file, piece by piece, each with its line."""
    if not is_python:
        yield from enumerate(source.splitlines(), 1)
        return
    taught = {*iterate_docstrings(ast.parse(source))}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.start not in taught and not token.string.isspace():
            yield token.start[0], token.string


def find_terms(source: str, terms: set[tuple[str, ...]], is_python: bool = True) -> list[str]:
    """Each term that stands in a source, with its line."""
    lengths, found = {len(term) for term in terms}, []
    for line, text in iterate_texts(source, is_python):
        words = split_words(text)
        runs = [tuple(words[i : i + n]) for n in lengths for i in range(len(words) - n + 1)]
        found += [f'line {line}: "{" ".join(run)}"' for run in runs if run in terms]
    return found


@pytest.mark.parametrize("name", list_domains())
def test_no_word_of_a_domain_stands_in_code_data_or_prompts(name):
    terms, own = list_terms(name), split_words(name)
    in_help = terms - {tuple(own), *((word,) for word in own)}
    found = [
        f"{file.relative_to(PACKAGE)}, {hit}"
        for file in FILES
        for hit in find_terms(
            file.read_text("utf-8"),
            in_help if file.name in HELP else terms,
            file.suffix == ".py",
        )
    ]
    way_out = f"are words of {name}; put them into its folder, or say in EVERYDAY what they mean"
    assert not found, f"{found[:10]} {way_out}"


@pytest.mark.parametrize(
    "planted",
    [
        'if slot == "destination": pass',
        "travellers = 3",
        "def find_destination(): pass",
        "# a tram in Lisbon",
        'OTHERS = {"holiday": "vacation"}',
        'SHARES = "success 60, abandonment 25"',
        'text = f"{name} goes to Cape Verde"',
        'class LisbonError(ValueError): """Tram."""',
    ],
)
def test_a_planted_word_is_found(planted):
    assert find_terms(planted, list_terms("travel_booking"))


@pytest.mark.parametrize(
    "spared",
    ['"""Goes to Lisbon."""', 'x = 1\n"""In Lisbon."""', "y = destiny", "cape, green = 1, 2"],
)
def test_docstrings_and_other_words_are_spared(spared):
    assert find_terms(spared, list_terms("travel_booking")) == []


def test_words_of_the_phrase_books_are_found_without_anyone_listing_them():
    assert {"holiday", "booking"} <= list_own_words("travel_booking")
    assert {"meeting", "video"} <= list_own_words("zoom_support")
    assert not list_own_words("travel_booking") & list_own_words("zoom_support")

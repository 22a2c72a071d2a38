"""Edits of domains, as people make them: each changes the files of a copy of a domain's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


class Files:
    """The YAML files of a domain's folder, changed in place."""

    def __init__(self, folder: Path):
        self.folder = folder

    def change(self, name: str, edit: Callable[[Any], Any]) -> None:
        """Let `edit` change what a file holds, or give back what it shall hold."""
        yaml, file = YAML(), self.folder / name
        # lines are not to be folded in other places than they were
        yaml.width = 4096
        data = yaml.load(file.read_text("utf-8"))
        changed = edit(data)
        with file.open("w", encoding="utf-8") as stream:
            yaml.dump(data if changed is None else changed, stream)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file once or more."""
        file = self.folder / name
        text = file.read_text("utf-8")
        assert old in text, f"{file} has no {old!r}"
        file.write_text(text.replace(old, new), "utf-8")


def change_price(files: Files) -> None:
    """One trip costs more."""
    files.replace("facts.yaml", "price: 420, nights: 3", "price: 445, nights: 3")


def change_deposit(files: Files) -> None:
    """A fact that every booking states."""
    files.replace("facts.yaml", "deposit: {value: 20,", "deposit: {value: 25,")
    files.replace("facts.yaml", "A deposit of 20 %", "A deposit of 25 %")


def change_another_price(files: Files) -> None:
    """Another trip costs less."""
    files.replace("facts.yaml", "price: 640, nights: 5", "price: 615, nights: 5")


def change_fee(files: Files) -> None:
    """A fact that some customers ask for."""
    files.replace("facts.yaml", "changes: {value: 25,", "changes: {value: 35,")
    files.replace("facts.yaml", "a fee of 25 euros", "a fee of 35 euros")


def reword_opening(files: Files) -> None:
    """The node says something else, and so do the wordings that are said most."""
    files.replace(
        "flowchart.yaml",
        "Greet the customer and ask about the trip they have in mind.",
        "Thank the customer for writing, and ask which trip it shall be.",
    )
    new = {
        "Welcome to {agency}. What sort of journey can I arrange for you?": (
            "Thank you for writing to {agency}. Which trip shall it be?"
        ),
        "Welcome to {agency}. Where shall I send you?": (
            "Thank you for writing to {agency}. Where shall the trip take you?"
        ),
    }
    for before, after in new.items():
        files.replace("phrases/agent.yaml", f'"{before}"', f'"{after}"')


QUESTION = [
    "Before I look: shall travel insurance be part of it?",
    "One more thing: would you like travel insurance with it?",
    "Do you want to add travel insurance to the trip?",
    "Shall I include travel insurance?",
    "Would travel insurance be of interest to you?",
    "And how about travel insurance, with it or without?",
    "Last question: is travel insurance wanted?",
    "May I add travel insurance, or shall I leave it out?",
    "Please tell me whether you would like travel insurance.",
]
NOTED = [
    "Good, I have noted that about the insurance.",
    "All right, that is settled about the insurance.",
    "Fine, the insurance is noted as you say.",
    "Thank you, I have put that down.",
    "That is in my notes now.",
    "Understood, I have it on my list.",
    "Very well, I keep that in mind.",
    "Got that, it stands in the file.",
    "Noted, that is how I shall do it.",
]
ANSWERS = [
    "yes, please add the insurance",
    "No insurance, thanks.",
    "I would rather travel without insurance.",
    "Yes, insurance sounds sensible.",
    "With insurance, please.",
    "we have our own insurance already",
    "Insurance would be good.",
    "leave the insurance out",
    "Please do insure us.",
]


def add_question(files: Files) -> None:
    """A question that everybody is asked before any offer is made."""

    def chart(data: Any) -> None:
        nodes = data["nodes"]
        nodes["assess"]["routes"]["info_complete"]["to"] = "ask_cover"
        nodes["ask_cover"] = {
            "role": "agent",
            "say": "Ask whether travel insurance is wanted.",
            "next": "user_cover",
        }
        nodes["user_cover"] = {
            "role": "user",
            "say": "Say whether it is.",
            "next": "note_cover",
        }
        nodes["note_cover"] = {
            "role": "agent",
            "say": "Say that it is noted.",
            "next": "present_options",
        }

    files.change("flowchart.yaml", chart)
    test = ["So, is insurance to go with it?", "Tell me, insured or not?"]
    noted = ["I have written it down.", "It is down on paper."]
    files.change(
        "phrases/agent.yaml",
        lambda book: book.extend(
            [
                {"steps": ["ask_cover"], "train": [*QUESTION], "test": [*test]},
                {"steps": ["note_cover"], "train": NOTED, "test": noted},
                {"pending": "user_cover", "train": [*QUESTION], "test": [*test]},
            ]
        ),
    )
    files.change(
        "phrases/customer_reactions.yaml",
        lambda book: book.append(
            {"acts": ["answer"], "train": ANSWERS, "test": ["insured, I think", "not insured"]}
        ),
    )


def add_route(files: Files) -> None:
    """A new way on from a hub: who wants to wait is told to come back."""

    def chart(data: Any) -> None:
        data["nodes"]["handle_response"]["routes"]["wants_pause"] = {
            "to": "abandonment",
            "when": "the customer wants to think it over and come back",
            "acts": ["pause"],
            "say": "Say that the offers stay as they are, and close politely.",
        }

    files.change("flowchart.yaml", chart)
    says = [
        "Take your time, the offers stay as they are. Until soon.",
        "Of course, think it over, nothing runs away.",
        "Sleep on it, we keep all of this for you.",
        "No hurry at all, just write again when you know.",
        "Gladly, come back whenever you have made up your mind.",
        "That is fine, we talk again when you are ready.",
        "Please do, the offers will still be here.",
        "Good idea, get back to us when it suits you.",
        "By all means, think about it in peace.",
    ]
    asks = [
        "I need to think it over and come back to you.",
        "let me sleep on it first",
        "I will get back to you once I have thought about it.",
        "Give me some time to think about these.",
        "I want to talk it over at home before I say anything.",
        "I'll think about it and write again.",
        "Not today, I have to mull it over.",
        "let me ponder that for a few days",
        "I need a little time before I decide.",
    ]
    files.change(
        "phrases/agent.yaml",
        lambda book: book.append(
            {"steps": ["handle_response.wants_pause"], "train": says, "test": ["Until then."]}
        ),
    )
    files.change(
        "phrases/customer_reactions.yaml",
        lambda book: book.append({"acts": ["pause"], "train": asks, "test": ["need a while"]}),
    )


def remove_ending(files: Files) -> None:
    """Nobody is handed over to a person any more."""

    def chart(data: Any) -> None:
        del data["nodes"]["handle_response"]["routes"]["needs_human"]
        del data["nodes"]["escalation"]

    files.change("flowchart.yaml", chart)
    step = "handle_response.needs_human"
    files.change(
        "phrases/agent.yaml",
        lambda book: [entry for entry in book if step not in entry.get("steps", ())],
    )


def rename_node(files: Files) -> None:
    """A node has another name, and nothing else is different."""
    for name in ("flowchart.yaml", "phrases/agent.yaml"):
        files.replace(name, "present_options", "show_offers")


def comment_and_reorder(files: Files) -> None:
    """A comment, and the nodes of the chart in another order."""

    def chart(data: Any) -> None:
        for name in sorted(data["nodes"]):
            data["nodes"].move_to_end(name)

    files.change("flowchart.yaml", chart)
    files.replace("facts.yaml", "facts:\n", "# what customers ask\nfacts:\n")


TRAVEL: dict[str, Callable[[Files], None]] = {
    "a changed price": change_price,
    "a changed deposit": change_deposit,
    "a reworded opening": reword_opening,
    "a new mandatory question": add_question,
    "a new route from a hub": add_route,
    "a removed ending": remove_ending,
    "a renamed node": rename_node,
    "comments and order": comment_and_reorder,
}
"""Edits of the travel domain, by what they are."""

TEN = TRAVEL | {"another changed price": change_another_price, "a changed fee": change_fee}
"""Edits that can be made one on top of the other, in this order."""

STORM = "storm damage"


def add_exclusion(files: Files) -> None:
    """What was covered is excluded, with a clause of its own."""

    def chart(data: Any) -> None:
        routes = data["nodes"]["coverage"]["routes"]
        for name in ("covered", "partial_cover"):
            routes[name]["for"]["event"].remove(STORM)
        routes["explain_exclusion"]["for"]["event"].append(STORM)
        data["nodes"]["exclusion_clause"]["cites"].append("excluded_storm")

    def facts(data: Any) -> None:
        data["facts"]["excluded_storm"] = {
            "value": "storms",
            "text": "The policy excludes storms.",
            "for": {"event": [STORM]},
        }

    files.change("flowchart.yaml", chart)
    files.change("facts.yaml", facts)
    says = [
        "The policy excludes {value}.",
        "There is no cover for {value}.",
        "No plan pays for {value}.",
    ]
    files.change(
        "phrases/agent.yaml",
        lambda book: book.append(
            {"answers": "excluded_storm", "train": says, "test": ["The rule says {value}."]}
        ),
    )


GONE_FACTS = {
    *("benefit_bronze", "benefit_silver", "benefit_gold", "funeral_advance"),
    *("docs_life", "review_abroad", "excluded_sport"),
}
"""Facts of the claims after a death."""


def remove_claim_type(files: Files) -> None:
    """Nothing is insured any more that is due on a death."""

    def is_left(value: Any) -> bool:
        return not str(value).startswith("a death")

    def chart(data: Any) -> None:
        nodes = data["nodes"]
        del nodes["claim_type"]["routes"]["life"], nodes["life_file"], data["slots"]["relation"]
        routes = [r for node in nodes.values() for r in node.get("routes", {}).values()]
        for part in (*routes, *data["slots"].values()):
            if "event" in part.get("for", {}):
                part["for"]["event"][:] = list(filter(is_left, part["for"]["event"]))
        for node in nodes.values():
            if "cites" in node:
                node["cites"][:] = [fact for fact in node["cites"] if fact not in GONE_FACTS]

    def facts(data: Any) -> None:
        for fact in GONE_FACTS:
            del data["facts"][fact]
        data["offers"][:] = [
            offer
            for offer in data["offers"]
            if "relation" not in offer["for"] and all(map(is_left, offer["for"].get("event", ())))
        ]

    def slots(data: Any) -> None:
        del data["relation"]
        event = data["event"]
        for value in [value for value in event["values"] if not is_left(value)]:
            event["values"].remove(value)
            del event["say"][value]

    def agent(book: Any) -> Any:
        gone = {"claim_type.life", "life_file"}
        left = [entry for entry in book if not gone.intersection(entry.get("steps", ()))]
        return [entry for entry in left if entry.get("answers") not in GONE_FACTS]

    def customer(book: Any) -> Any:
        gone = {f"ask({fact})" for fact in GONE_FACTS}
        return [
            entry
            for entry in book
            if not any(act in gone or "(relation)" in act for act in entry.get("acts", ()))
        ]

    files.change("flowchart.yaml", chart)
    files.change("facts.yaml", facts)
    files.change("phrases/slots.yaml", slots)
    files.change("phrases/agent.yaml", agent)
    for file in sorted(files.folder.glob("phrases/customer*.yaml")):
        files.change(f"phrases/{file.name}", customer)


INSURANCE: dict[str, Callable[[Files], None]] = {
    "a new exclusion": add_exclusion,
    "a claim type removed": remove_claim_type,
}
"""Edits of the claims domain, by what they are."""

"""What stands on record in a conversation, and which routes it allows."""

from collections.abc import Iterable

from workbench.conversation import Act
from workbench.flowchart import Node


class Record:
    """What the customer gave, what was offered and what was chosen, so far.

    It follows true acts, never recognized ones: it is the scenario's own account of what was said.
    """

    def __init__(self, slots: Iterable[str]):
        self.slots = list(slots)
        self.given: dict[str, str] = {}
        """Slot to value, in the domain's standard form."""
        self.vague: set[str] = set()
        """Slots of which something was said that is too vague to act on."""
        self.offered: list[str] = []
        """Ids of the offers made in the last presentation."""
        self.presentations = 0
        """Presentations since the requirements last changed."""
        self.chosen = ""
        """Id of the offer chosen last."""
        self.asked: list[str] = []
        """Ids of the facts asked about, in order."""

    @property
    def missing(self) -> list[str]:
        """Slots of which nothing was said, in the flowchart's order."""
        return [slot for slot in self.slots if slot not in self.given and slot not in self.vague]

    @property
    def state(self) -> str:
        """slots_vague, else slots_missing, else slots_complete: what a hub may route on."""
        if self.vague:
            return "slots_vague"
        return "slots_missing" if self.missing else "slots_complete"

    def hear(self, acts: Iterable[Act]) -> None:
        """Take down what one customer message does."""
        for act in acts:
            if act.kind in {"give", "revise"}:
                self.given[act.target] = act.value
                self.vague.discard(act.target)
            if act.kind in {"drop", "vague"}:
                self.given.pop(act.target, None)
            if act.kind == "vague":
                self.vague.add(act.target)
            if act.kind in {"revise", "drop"}:
                self.presentations, self.offered, self.chosen = 0, [], ""
            if act.kind == "choose":
                self.chosen = act.target
            if act.kind == "ask":
                self.asked.append(act.target)

    def offer(self, offers: list[str]) -> None:
        """Take down that these offers were presented."""
        self.offered = offers
        self.presentations += 1

    def allowed_routes(self, hub: Node, acts: Iterable[Act]) -> list[str]:
        """Names of the routes that the customer's acts allow at `hub`, in the flowchart's order.

        What the customer does comes before what is on record: who leaves is let go, whatever is
        missing. Empty: nothing was said that leads on from here.
        """
        kinds = {act.kind for act in acts}
        caused = [name for name, route in hub.routes.items() if kinds & set(route.acts)]
        return caused or [name for name, route in hub.routes.items() if self.state in route.acts]

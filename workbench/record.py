"""What stands on record in a conversation, and which routes it allows."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

from workbench.conversation import Act
from workbench.flowchart import Node
from workbench.rules import OFFER_STATES, SLOT_STATES, STATES, Needs, Route

REACTIONS = {"done": "failed", "agree": "decline"}
"""Acts by which a customer says that an offer was the right one, and that it was not."""


def fits(needs: Mapping[str, Collection[str]], given: Mapping[str, str]) -> bool:
    """Whether what was given has one of the values that are needed, for every slot named.

    Example: {"size": ["small", "large"]} fits {"size": "large", "drink": "mocha"}
    """
    return all(given.get(slot) in values for slot, values in needs.items())


class Record:
    """What the customer gave, what was offered and what was chosen, so far.

    It follows true acts, never recognized ones: it is the scenario's own account of what was said.
    """

    def __init__(
        self,
        slots: Iterable[str],
        list_offers: Callable[[dict[str, str]], Iterable[str]] = lambda given: (),
        needs: Mapping[str, Needs] = MappingProxyType({}),
    ):
        """`list_offers` says which offers, by id, there are for what was given, and `needs` what
        must be on record for a slot to be asked for: of those that it does not name, nothing."""
        self.slots, self.list_offers, self.needs = list(slots), list_offers, needs
        self.given: dict[str, str] = {}
        """Slot to value, in the domain's standard form."""
        self.vague: set[str] = set()
        """Slots of which something was said that is too vague to act on."""
        self.offered: list[str] = []
        """Ids of the offers made in the last presentation."""
        self.tried: list[str] = []
        """Ids of the offers made since the requirements last changed, as often as they were."""
        self.has_reacted = False
        """Whether the customer has said since whether they were right."""
        self.presentations = 0
        """Presentations since the requirements last changed."""
        self.chosen = ""
        """Id of the offer chosen last."""
        self.asked: list[str] = []
        """Ids of the facts asked about, in order."""

    @property
    def asked_for(self) -> list[str]:
        """Slots that are asked for, for what is on record, in the flowchart's order."""
        return [slot for slot in self.slots if fits(self.needs.get(slot, {}), self.given)]

    @property
    def missing(self) -> list[str]:
        """Slots that are asked for and of which nothing was said, in the flowchart's order."""
        said = self.given.keys() | self.vague
        return [slot for slot in self.asked_for if slot not in said]

    @property
    def settled(self) -> frozenset[str]:
        """Slots that are on record or are not asked for."""
        return frozenset(self.given) | {*self.slots}.difference(self.asked_for)

    @property
    def state(self) -> str:
        """slots_vague, else slots_missing, else slots_complete: what a hub may route on."""
        if self.vague.intersection(self.asked_for):
            return "slots_vague"
        return "slots_missing" if self.missing else "slots_complete"

    @property
    def left(self) -> list[str]:
        """Ids of the offers for what was given that have not been made."""
        return [offer for offer in self.list_offers(self.given) if offer not in self.tried]

    @property
    def states(self) -> set[str]:
        """The state of the slots and that of the offers."""
        return {self.state, "offers_left" if self.left else "offers_spent"}

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
                self.presentations, self.offered, self.chosen, self.tried = 0, [], "", []
            if act.kind in {*REACTIONS, *REACTIONS.values()}:
                self.has_reacted = True
            if act.kind == "choose":
                self.chosen = act.target
            if act.kind == "ask":
                self.asked.append(act.target)

    def offer(self, offers: list[str]) -> None:
        """Take down that these offers were presented."""
        self.offered, self.tried = offers, [*self.tried, *offers]
        self.presentations += 1
        self.has_reacted = False

    def allowed_routes(self, hub: Node, acts: Iterable[Act]) -> list[str]:
        """Names of the routes that the customer's acts allow at `hub`, in the flowchart's order.

        What the customer does comes before what is on record: who leaves is let go, whatever is
        missing. Empty: nothing was said that leads on from here.
        """
        kinds = {act.kind for act in acts}
        holding = kinds | self.states
        open_routes = {n: route for n, route in hub.routes.items() if self._is_open(route, holding)}
        caused = [name for name, route in open_routes.items() if kinds & set(route.acts)]
        return caused or list(open_routes)

    def _is_open(self, route: Route, holding: set[str]) -> bool:
        """Whether one holds of the acts, of the states of the slots and of those of the offers that
        a route names, and what it is for is on record."""
        causes = set(route.acts)
        named = [causes & SLOT_STATES, causes & OFFER_STATES, causes - STATES]
        is_caused = all(not group or group & holding for group in named)
        return bool(causes) and is_caused and fits(route.needs, self.given)

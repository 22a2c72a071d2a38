"""Models that do as they are told, in a phrase book's words: what a provider answers in tests.

They know nothing but what they are sent: each task is found again by its words, and said in a
wording that the same messages always come to.
"""

import random
import re
from string import Template

from workbench.conversation import Act, hash_text
from workbench.phrases import Voice, join_clauses
from workbench.synthesize.briefing import _describe_step
from workbench.synthesize.plain_words import read_words, word_act


class Actors:
    """Answers a provider's requests, as the teacher and as the customer of one domain."""

    def __init__(self, domain, spoil=lambda role, text, body: text):
        self.domain, self.spoil = domain, spoil
        forms = {name: Template(text) for name, text in read_words()["tasks"].items()}
        self.steps = {
            task: step
            for step in domain.flowchart.steps
            for task in _describe_step(domain, step, forms)
        }
        self.acts = {}
        for key in domain.customer.keys:
            for name in key.split("+"):
                if not name.startswith("part/"):
                    self._learn(Act.parse(name))

    def _learn(self, act):
        talk = self.domain.slots.get(act.target)
        valued = talk and act.kind in {"give", "revise", "misspeak"}
        for value in talk.values if valued else [act.value]:
            for form in talk.forms(value, "train") if valued else [""]:
                done = Act(act.kind, act.target, value)
                self.acts[word_act(done, self.domain, form)] = (done, form)

    def __call__(self, body):
        """The words of the answer to a request."""
        first = body["messages"][1]["content"]
        rng = random.Random(hash_text(body["messages"]))
        is_teacher = "agent's message" in first
        text = self._speak(first, rng) if is_teacher else self._want(first, rng)
        return self.spoil("teacher" if is_teacher else "customer", text, body)

    def _speak(self, told, rng):
        tasks = re.findall(r"^\d+\. (.*)$", told.partition("in this order:")[2], re.M)
        record = told.partition("on record:")[2].partition("The facts")[0]
        domain, values, said = self.domain, self.domain.fact_values(), []
        for slot, talk in domain.slots.items():
            if found := re.search(rf"^- {talk.name}: (.*)$", record, re.M):
                values[slot] = found[1]
        asked = next((task for task in tasks if task.startswith("Ask for all")), "")
        slots = [talk for talk in domain.slots.values() if talk.name in asked]
        if slots:
            values["asks"] = join_clauses([rng.choice(talk.ask.train) for talk in slots])
        stated = re.findall(r"^- (.*) \[", told.partition("The facts")[2], re.M)
        values["answer"] = " ".join(stated)
        for task in tasks:
            if step := self.steps.get(task):
                said.append(domain.agent.pick(step, Voice(), rng, values))
            if task.startswith("Then come back"):
                said.append("So, what do you say?")
        return " ".join(said)

    def _want(self, told, rng):
        tasks = re.findall(r"^- (.*)$", told.partition("do this:\n")[2], re.M)
        said = []
        for task in tasks:
            if task in self.acts:
                act, form = self.acts[task]
                values = {act.target: form} if form else {}
                said.append(self.domain.customer.pick(act.name, Voice(), rng, values))
        return " ".join(one if one[-1] in ".,:;!?" else f"{one}." for one in said)

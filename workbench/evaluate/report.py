"""The report of a run, in Markdown and as one page of HTML: a figure, then what it means."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.domain import Domain
from workbench.evaluate.breakdown import FEWEST_PATHS, MARGIN
from workbench.evaluate.curve import (
    Point,
    is_alike,
    is_seeded_alike,
    list_seeded,
    list_swept,
    read_curve,
)
from workbench.evaluate.faults import PRACTISED
from workbench.evaluate.kept import TalksById
from workbench.evaluate.metrics import ALL, HEADLINE, MEASURES, Score
from workbench.evaluate.pairs import pick_pairs
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import RESAMPLES, resolve, smallest_difference
from workbench.run import Run
from workbench.show import Panel, Picture, draw_conversation, page
from workbench.show.beside import (
    plot_differences,
    plot_quality,
    tabulate_broken,
    tabulate_effort,
    tabulate_quality,
)
from workbench.show.comparison import Comparison
from workbench.show.cost_parts import list_cost_parts
from workbench.show.details import (
    tabulate_audit,
    tabulate_behaviours,
    tabulate_customers,
    tabulate_endings,
    tabulate_forgiveness,
    tabulate_hubs,
    tabulate_humans,
    tabulate_pass_k,
    tabulate_reading,
)
from workbench.show.fault_chart import FaultChart
from workbench.show.figures import (
    plot_endings,
    tabulate,
    tabulate_differences,
    tabulate_instruments,
    tabulate_parts,
    tabulate_savings,
    tabulate_verdict,
    write_metric,
)
from workbench.show.judged import (
    tabulate_defects,
    tabulate_failures,
    tabulate_judged,
    tabulate_judged_differences,
    tabulate_reliability,
    tabulate_unscored,
    tabulate_validation,
)
from workbench.show.learning import draw_curve, tabulate_curve, tabulate_seeded
from workbench.show.pairs import Side, draw_pair
from workbench.show.table import table
from workbench.show.talk import fold
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.teacher import NAME

STRATA = {
    "seen": "plain customers in wordings that training shows",
    "unseen": "the same customers in wordings that training never shows",
    "difficult": "customers who make it hard, in ways that training shows in other wordings",
    "adversarial": "customers who try to lead the agent astray, in kinds that training shows",
    "untrained": "the same in kinds that training never shows",
}
"""Kinds of customers and what they are."""

WORST = 6
"""Conversations shown in full."""

Part = Picture | Panel | str


def write_report(run: Run, domain: Domain, result: dict[str, Any]) -> str:
    """Write `report.md` and the self-contained `report.html`; returns the path of the latter."""
    scores, talks = run.read("scores.jsonl", Score), TalksById(run)
    parts = [
        *_show_outcome(run, result),
        *_show_comparison(result),
        *_show_pairs(domain, scores, talks),
        *list_cost_parts(result),
        *_show_details(result),
        *_show_instruments(result),
        *_show_customers(domain, result, talks),
        *_show_curve(read_sweep(run)),
        *_show_seeded(read_seeded(run)),
        *_show_faults(domain, scores, talks),
        *_show_judge(result),
    ]
    title = f"{domain.flowchart.title}: run {run.name}"
    run.write_text("report.md", "\n\n".join([f"# {title}", *map(_to_markdown, parts)]) + "\n")
    return str(run.write_text("report.html", page(title, parts)))


def read_sweep(run: Run) -> list[Point]:
    """The learning curve of the runs that a sweep of this one over its training has left.

    This run's own point is among them; without a sweep there is no curve. Runs that were trained by
    another recipe than this one are none of its points.
    """
    swept = [folder for folder in list_swept(run) if is_alike(run, folder)]
    return read_curve([*swept, run.folder]) if read_curve(swept) else []


def read_seeded(run: Run) -> list[Point]:
    """This run's figures, and those of runs that differ from it in the training's seed alone.

    [] where there is no other.
    """
    seeded = [folder for folder in list_seeded(run) if is_seeded_alike(run, folder)]
    return read_curve([*seeded, run.folder]) if read_curve(seeded) else []


def find_worst(
    scores: Iterable[Score], condition: str = "compiled", most: int | None = WORST
) -> list[Score]:
    """Conversations with something wrong: wrong endings first, then those with most faults."""
    own = [score for score in scores if score.condition == condition and score.wrong]
    return sorted(own, key=lambda s: (s.measures["ending_correct"], -len(s.wrong)))[:most]


def show_scored(talk: Simulated, score: Score, domain: Domain) -> Panel:
    """One simulated conversation with what is wrong marked at its messages."""
    return draw_conversation(talk.conversation, domain.flowchart, score.wrong)


def explain_words() -> Panel:
    """The sorts of customers and the measures, each with what it means, to unfold."""
    words = table([{"word": name, "means": said} for name, said in (STRATA | MEASURES).items()])
    head = "What the words mean: sorts of customers, then measures"
    return Panel(fold(head, words.html), words.text, words.markdown)


def compare_conditions(run: Run, domain: Domain) -> Comparison:
    """Bars of an evaluated run to choose from, and the talks behind them, two at a time."""
    scenarios = run.read("scenarios.jsonl", Scenario)
    return Comparison(domain, run.read("scores.jsonl", Score), TalksById(run), scenarios)


def chart_faults(run: Run, domain: Domain) -> FaultChart:
    """The flowchart of an evaluated run with what went wrong on it, condition by condition."""
    return FaultChart(domain.flowchart, run.read("scores.jsonl", Score), TalksById(run))


def pick_worst(scores: Iterable[Score], condition: str = "compiled") -> list[Score]:
    """The worst conversation of each stratum, then the next worst of all, up to `WORST`."""
    every = find_worst(scores, condition, most=None)
    first = {score.stratum: score for score in reversed(every)}
    own = [score for score in every if first[score.stratum] is score]
    return [*own, *(score for score in every if score not in own)][: max(WORST, len(own))]


def _show_outcome(run: Run, result: dict[str, Any]) -> Iterable[Part]:
    yield _summarize(run, result)
    yield "## What was wished, and what was reached"
    yield tabulate_verdict(result)
    yield (
        "A bar is met if the figure is past it; the interval too means that chance alone hardly"
        " explains it."
    )
    yield "## All conditions"
    yield tabulate(result)
    yield plot_endings(result)
    yield _explain(result)
    rest = [measure for measure in MEASURES if measure not in HEADLINE]
    yield "### The other measures"
    yield tabulate(result, rest)


def _show_comparison(result: dict[str, Any]) -> Iterable[Part]:
    yield "## Beside the other conditions"
    yield tabulate_differences(result)
    yield _explain_differences(result)
    if any(result.get("differences_by_part", {}).values()):
        yield from _show_parts(result)
    # no script runs on the page, so it has the pictures and not the figures
    if any(ALL in strata for strata in result["differences"]["compiled"].values()):
        yield plot_differences(result).still
    if result.get("broken_off"):
        yield tabulate_broken(result)
        yield (
            "Talks that were broken off, as a call had no answer: they are in no mean, and count as"
            " unscored. Running the evaluation again tries them again."
        )
    if result.get("baselines") or result.get("judge"):
        yield "## In the shape of the paper's tables"
        yield tabulate_quality(result)
        yield tabulate_effort(result)
        if result.get("judge"):
            yield plot_quality(result).still
        yield _explain_baselines(result)
    if result.get("savings"):
        yield "## What compiling saves"
        yield tabulate_savings(result)
        yield (
            "How many times as much the same customers' talks take with the procedure in the"
            " prompt of the same base model, or of the one named, which counts tokens in its own"
            " way: sums over both, with 95 % intervals clustered by path."
            " For this the compiled model meets them once more, without its other customers: what"
            " is held at once tells on seconds and caches. Those are compared where both began"
            " with as many talks, which leaves out what was resumed after an interruption."
            " Sums are over all talks, whatever came of them, and talks of a batch share its time:"
            " what another run would take is in no interval. Training is in no ratio."
            " Tokens that no cache has are those left to read where the start of a prompt that was"
            " read before is kept. Under an orchestrator that is counted, not done: its seconds are"
            " those of a model that reads each prompt whole."
        )


def _show_parts(result: dict[str, Any]) -> Iterable[Part]:
    """The differences where something lies, to unfold."""
    found = tabulate_parts(result)
    head = "The same, hub by hub and ending by ending"
    yield Panel(fold(head, found.html), f"{head}\n{found.text}", f"{head}:\n\n{found.markdown}")
    yield (
        "Unfolded: of a hub the share of right decisions, of customers with whom both came there,"
        " which leaves out whom one of them lost before; of an ending that of right ones, of"
        " customers who accept it. p is adjusted by Holm over this whole table. – is what both met"
        f" on fewer than {FEWEST_PATHS} paths, too few to show anything."
    )


def _show_pairs(
    domain: Domain, scores: list[Score], talks: Mapping[str, Simulated]
) -> Iterable[Part]:
    pairs = pick_pairs(scores)
    if pairs:
        yield "## The same customer, two answers"
        yield (
            "For each other model a customer whom only the compiled one serves rightly, and one"
            " whom only the other does; where there is neither, the first whom both met. A sign"
            " stands where they use other words, and one where the agent does something else."
        )
    for pair in pairs:
        sides = [Side(s.condition, talks[s.conversation_id].conversation, s.wrong) for s in pair]
        drawn = draw_pair(*sides, domain.flowchart)
        own, other = (f"{s.condition} ends in {s.ending or 'nothing'}" for s in pair)
        head = f"{pair[0].stratum}, scenario {pair[0].scenario_id}: {own}, {other}"
        yield Panel(fold(head, drawn.html), f"{head}\n{drawn.text}")


def _show_details(result: dict[str, Any]) -> Iterable[Part]:
    if result.get("by_hub"):
        yield "## Hub by hub"
        yield tabulate_hubs(result)
        yield (
            "Share of decisions whose route the customer's acts allow; n counts decisions."
            f" {_say_read(result)}"
        )
    if result.get("by_ending"):
        yield "## Ending by ending"
        yield tabulate_endings(result)
        yield (
            "Conversations of the compiled model: which ending the scenario accepts, and which was"
            " reached. A customer whose patience ran out was not served, whatever was said last."
            f" {_say_read(result)}"
        )
    if result.get("by_behaviour"):
        yield "## Behaviour by behaviour"
        yield tabulate_behaviours(result)
        yield (
            "Conversations of the compiled model, in each behaviour that the customer shows: one"
            " with two behaviours stands in two rows, so rows are not independent. That an agent"
            " withstands is seen in its steps, facts and endings; what it grants in words alone is"
            f" not seen. {_say_read(result)}"
        )
    if result.get("pass_k"):
        yield "## The same customers again"
        yield tabulate_pass_k(result)
        yield (
            f"{_count_repeated(result)} customers of unseen wordings meet the compiled model"
            " several times, in other words each time. Served well: the right ending and not before"
            " its time, all facts right, and no route that the customer's acts do not allow."
            f" {_say_read(result)}"
        )
    if result.get("forgiveness"):
        yield "## What is forgiven"
        yield tabulate_forgiveness(result)
        yield (
            "Side trips do not move the walk; a question may be left out if all it asks for stands"
            " on record (answered); questions in a row may come in any order, routes without words"
            " go unsaid (silent), and so does the opening where the customer speaks first."
            " Without one of these, or all, it counts as a step too many or one missing."
            f" {_say_read(result)}"
        )


def _show_instruments(result: dict[str, Any]) -> Iterable[Part]:
    yield "## What the measures see"
    yield (
        "Scripted agents in test-only wordings, each with one planted fault or a harmless change."
        " A talk is flagged if any measure finds anything wrong in it; talks without occasion for"
        " the fault are left out. The recognizer has practised some of it, in training wordings:"
        f" {', '.join(PRACTISED)}."
    )
    yield tabulate_instruments(result)
    yield _say_read(result)
    yield "### How the recognizer reads each condition"
    yield tabulate_reading(result)
    yield (
        "What a scripted agent means is known. What a model says is certain only where it consists"
        " wholly of the phrase book's sentences, most of which the recognizer has learnt: of other"
        " messages it is not known how well they are read."
    )


def _show_customers(
    domain: Domain, result: dict[str, Any], talks: Mapping[str, Simulated]
) -> Iterable[Part]:
    if result.get("audit") or result.get("customers"):
        yield "## The customers"
    if result.get("audit"):
        yield tabulate_audit(result)
        yield (
            "A simulated customer is a part under test as well. Spoilt are talks in which a check"
            " that reads its words doubts that they carry its acts, at times by mistake; the last"
            " columns score them apart. Swapped words are put in for others on purpose, one message"
            f" a talk, to see what the check finds. {_say_read(result)}"
        )
        yield from _show_spoilt(domain, result, talks)
    if result.get("customers"):
        yield tabulate_customers(result)
        yield (
            "Simulated customers are easier than people, as others have measured; the last rows"
            " say how people talk, as far as it was counted. Of people who are scored here a turn"
            " with a question mark counts as one that asks, of customers only those that ask why or"
            " about a rule."
        )
    if result.get("humans"):
        yield "## People by the same measure"
        yield tabulate_humans(result)
        yield (
            f"{result['humans']['n']} dialogues between people, by the aligner that scores agents,"
            " but under rules of their own: labels are given, conditions of routes are not judged,"
            " and people are forgiven more, row by row. People are not 100 % conformant either; how"
            " far they are depends on what the rules forgive."
        )


def _show_spoilt(
    domain: Domain, result: dict[str, Any], talks: Mapping[str, Simulated]
) -> Iterable[Part]:
    """One spoilt conversation of each stratum; the result names all."""
    spoilt: dict[str, str] = {}
    for name in result.get("tainted", {}):
        spoilt.setdefault(talks[name].stratum, name)
    for stratum, name in spoilt.items():
        doubts = {int(place): reason for place, reason in result["tainted"][name].items()}
        yield f"### Spoilt, {stratum}: one of {result['audit'][stratum]['tainted']}"
        yield draw_conversation(talks[name].conversation, domain.flowchart, doubts)


def _show_curve(curve: Sequence[Point]) -> Iterable[Part]:
    if curve:
        runs = len({point["run"] for point in curve})
        yield "## How much training it takes"
        yield draw_curve(curve)
        yield draw_curve(curve, "facts_right")
        yield tabulate_curve(curve)
        yield (
            f"Of {runs} runs, each trained anew. An interval is of one training and its customers:"
            " what another seed of training would change is not in it."
        )


def _show_seeded(points: Sequence[Point]) -> Iterable[Part]:
    if points:
        yield "## What another seed of the training changes"
        yield tabulate_seeded(points)
        yield (
            "The same rows in another order, and the same customers. The spread is the standard"
            " deviation between trainings. What other customers would change is not in it: that is"
            " what intervals say."
        )


def _show_faults(
    domain: Domain, scores: list[Score], talks: Mapping[str, Simulated]
) -> Iterable[Part]:
    yield "## Where conversations went wrong"
    yield FaultChart(domain.flowchart, scores, talks).still
    yield (
        "Conversations in which something was wrong at a node or on a route: taken against what the"
        " customer said, out of place, left out, said wrongly, or ended there as it may not. One"
        " stands at each place where something went wrong in it, so that places do not add up. A"
        " message that may be read as several steps is wrong at each, and a step left out has no"
        " message: a place is as good as the reading."
    )
    worst = pick_worst(scores)
    yield (
        f"## The worst {len(worst)} conversations of the compiled model"
        if worst
        else "No conversation of the compiled model has a fault that these measures see."
    )
    for score in worst:
        yield f"### {score.stratum}, scenario {score.scenario_id}"
        yield show_scored(talks[score.conversation_id], score, domain)


def _show_judge(result: dict[str, Any]) -> Iterable[Part]:
    judge = result.get("judge")
    if not judge:
        yield "## Judge"
        yield "No judge was asked in this run: tone and naturalness are not scored."
        return
    yield "## What the judge says"
    yield _explain_judge(judge)
    if judge["failures_to_score"]:
        yield tabulate_unscored(result)
    yield "### Whether to believe it"
    yield tabulate_validation(result)
    yield (
        "One thing at a time was broken in conversations that no measure finds anything wrong"
        " with, and the judge scored the broken and the clean one, in mixed order. A criterion is"
        " validated if it falls by a point or more in 80 % of the defects that belong to it, and"
        " harmless changes move it in 10 % at most; an unvalidated one is shown, and proves"
        " nothing. Intervals are Wilson's, 95 %, and know that conversations on one path are alike."
    )
    yield tabulate_defects(result)
    yield (
        "Share of pairs in which a criterion fell: it must where it says must, and must not where"
        ' it says not. For harmless changes, the share in which it moved at all. "plead" has the'
        f" customer ask whoever judges for full marks. {_say_no_occasion(judge)}"
    )
    yield "### Scores"
    yield tabulate_judged(result)
    yield (
        "Means of 1 to 5 with 95 % intervals, and how often each score was given. Graceful handling"
        " is scored only where the customer makes it hard, and so has its own n."
    )
    yield tabulate_judged_differences(result)
    yield (
        "With the customers that both met; p is Wilcoxon's, exact, adjusted by Holm over all rows."
        " As good is what lies not lower by more than a margin that was set beforehand, by the"
        " interval's lower end. What would be seen is the smallest true difference that as many"
        " customers show in four of five repetitions. The second interval is BCa's, of"
        f" {RESAMPLES:,} draws over paths."
    )
    yield "### How steady it is"
    yield tabulate_reliability(result)
    yield (
        "The spread is the standard deviation of the scores of one conversation. Kappa weighs"
        " misses by their square; it and the correlations are not there where scores do not vary."
        " The last column is the rank correlation of the score with the agent's words a message."
    )
    yield "### Failures, judged and computed"
    yield tabulate_failures(result)
    yield (
        f"A judged failure is a task success of {judge['failure_at_most']} or less, as the paper"
        " on compiled procedures counts them; a wrong ending is computed from what was said, and"
        " is what this report goes by."
    )


def _explain_judge(judge: dict[str, Any]) -> str:
    names, unscored = judge["judges"], judge["unscored"]
    second = f", and a second of another family, {names[1]}, of a share" if len(names) > 1 else ""
    return (
        f"{names[0]} was asked{second}: {judge['asked']:,} verdicts, of which {unscored:,} could"
        " not be had and are in no mean. It saw the procedure, the facts, the hidden truth and the"
        " numbered turns, and had to name turns before it scored; it never learnt whose talk it"
        f" was. Evidence and scores of each are in judged.jsonl.{_say_kin(judge)}"
    )


def _say_kin(judge: dict[str, Any]) -> str:
    """A warning where a judge and what it judges are of one family; "" else."""
    kin = "; ".join(judge.get("kin", []))
    return f" Of one family, so that it may like its own ways: {kin}." if kin else ""


def _say_no_occasion(judge: dict[str, Any]) -> str:
    planted = judge["defects"]
    never = [edit for edit in judge["no_occasion"] if edit not in planted]
    return f"There was no occasion for {', '.join(never)}." if never else ""


_TERMS = {NAME: " (a small, real phrase book: not comparable with results of large teachers)"}
"""What is said of a teacher behind its name."""


def _summarize(run: Run, result: dict[str, Any]) -> str:
    base, train = result["base_model"], run.manifest["train"]["result"]
    counts = run.manifest["inspect"]
    held_out = "not measured" if train["valid_loss"] is None else f"{train['valid_loss']:.3g}"
    only = (
        f" Of conditions only these were asked for: {result['asked']}."
        if result.get("asked")
        else ""
    )
    minutes = ", ".join(f"{stage} {s / 60:.1f}" for stage, s in result["seconds"].items())
    return (
        f"Base model: {base['source']}, weights quantized before: {base['quantization']}."
        f" Conversations: {counts['train']} for training, by the teacher {result['teacher']}"
        f"{_TERMS.get(result['teacher'], '')}.{_say_practice(run.manifest.get('synthesize', {}))}"
        f"{_say_start(run.manifest['train'])}"
        f" Trained {train['steps']} steps, {train['tokens']:,} tokens"
        f" at {train['tokens_per_s']:,.0f} a second, held-out loss {held_out}."
        f" Hardware: {result['hardware']}. Minutes: {minutes}.{only}"
    )


def _say_practice(synthesize: dict[str, Any]) -> str:
    """That those who checked the conversations practised less than they would; "" if they did not.

    Runs of earlier versions do not say: theirs did not.
    """
    share = synthesize.get("practice", 1.0)
    less = f" To be quick, those who checked them practised in {100 * share:.0f} % of the rounds"
    return f"{less} that other sizes have: they reject more that is sound." if share < 1 else ""


def _say_start(train: dict[str, Any]) -> str:
    """Where the training of a run started that goes on from an older one; "" for others."""
    if "start" not in train:
        return ""
    start, since = train["start"], train["inputs"]["since"]
    if start["from"] == "base":
        return f" It goes on from the run {since}, but starts from the base: {start['why']}."
    return (
        f" It starts from the model of the run {since}: {start['why']}. Of {start['n_changed']}"
        f" rows that this had not seen {start['n_trained']} were trained, {start['repeats']} times"
        f" each, and {start['n_replayed']} again that it had."
    )


def _explain(result: dict[str, Any]) -> str:
    strata = dict.fromkeys(s for found in result["conditions"].values() for s in found)
    customers = "\n".join(f"- {name}: {STRATA.get(name, name)}" for name in strata)
    untrained = result.get("untrained_kinds") or []
    never = f" Kinds that training never shows: {', '.join(untrained)}." if untrained else ""
    meanings = "\n".join(f"- {name}: {meaning}" for name, meaning in MEASURES.items())
    return (
        f"{_explain_reading(result)} All is of one training, and in the wordings of one phrase"
        " book: what another seed or other words would change is in no interval. Intervals are"
        " 95 %, and know that conversations on one path are alike:"
        " Wilson's of as many as the paths are worth, for differences and ratios the"
        f" jackknife's over paths. All scenarios follow paths that training never shows.{never}"
        f"\n\n{customers}\n\n{meanings}"
    )


def _explain_reading(result: dict[str, Any]) -> str:
    found = result["recognizer"] | {"mean": result["recognizer"]["accuracy"]}
    return (
        f"Steps are read off the words by a recognizer that reads {write_metric('read', found)} of"
        f" {found['n']} messages right, in wordings it never saw; every figure that rests on steps"
        ' has that error in it, and that is all but overrun. "read right" says it of each'
        " condition's own messages where those were checked."
    )


def _say_read(result: dict[str, Any]) -> str:
    """What stands beside a table that rests on what was read off the compiled model's words."""
    found = result["recognizer"] | {"mean": result["recognizer"]["accuracy"]}
    read = write_metric("read", found)
    return f"The recognizer behind it reads {read} of messages right in wordings it never saw."


def _explain_differences(result: dict[str, Any]) -> str:
    margin = 100 * result.get("margin", MARGIN)
    rows = [m for strata in result["differences"]["compiled"].values() for m in strata.values()]
    shown = "; ".join(map(_say_resolution, sorted({row["ending_correct"]["n"] for row in rows})))
    gaps = [
        100 * resolve(by_measure["ending_correct"]["low"], by_measure["ending_correct"]["high"])
        for by_measure in rows
        if by_measure["ending_correct"]["low"] is not None
    ]
    spans = f" With what paths share, this table finds {_say_span(gaps)} points." if gaps else ""
    return (
        "Differences are taken customer by customer, with 95 % intervals clustered by path; all"
        " stands for every customer that both met, whatever the sort;"
        " p is exact McNemar where a figure is yes or no, else Wilcoxon's, with pairs on one path"
        " changing sign together, adjusted by Holm over the rows of all customers, and apart from"
        " them over the rows of one sort. Endings are as good only where"
        f" the whole interval lies above a loss of {margin:g} points, a margin set beforehand"
        " (a claim for each row, not adjusted for how many there are); the last column is a BCa"
        " bootstrap over paths for comparison, which over few paths is too narrow;"
        " better and worse need p under 0.05 too, and open says that nothing is shown."
        f" {_say_read(result)} That is of a scripted agent in the phrase book's language, in which"
        " the compiled model was taught and the customers' ears too; of the baselines' free prose"
        " it is not known how well it is read, and what is misread counts against them. How little"
        " can be seen: against"
        f" 95 %, in four of five repetitions, {shown}.{spans}"
    )


def _explain_baselines(result: dict[str, Any]) -> str:
    asked = "; ".join(
        f"{name}: {found['model']} at {found['host']}, which calls itself"
        f" {' and '.join(found.get('answered_by') or ['nothing'])}, sampling"
        f" {found.get('sampling', 'not known')}, room for {found['max_tokens']:,} tokens a call"
        for name, found in result.get("baselines", {}).items()
    )
    return (
        f"{f'Asked over the API: {asked}. ' if asked else ''}Whoever met another condition met the"
        " compiled model too, with the same seed and limit of replies; but the compiled model met"
        " more, so that columns are of other mixes of customers: with the same ones conditions are"
        " compared above. Baselines over the API have room for all that they want"
        ' to say at a time, an orchestrated one at each node. What begins with "paper" is quoted'
        " from arXiv 2605.22502 (calls and tokens from arXiv 2604.27891) for reference, as others"
        " have transcribed it: other models, customers, flowcharts and another judge, whose scores"
        f" no rows of this run can be compared with. {_say_read(result)}"
    )


def _say_resolution(n: int) -> str:
    """Example: _say_resolution(100) is "100 independent customers show a drop of 12 points" """
    drop = smallest_difference(n, 0.95)
    return f"{n} independent customers show " + (
        "no drop reliably" if drop is None else f"a drop of {100 * drop:.0f} points"
    )


def _count_repeated(result: dict[str, Any]) -> int:
    return max(metric["n"] for metric in result["pass_k"].values())


def _say_span(numbers: Sequence[float]) -> str:
    least, most = f"{min(numbers):.0f}", f"{max(numbers):.0f}"
    return least if least == most else f"{least} to {most}"


def _to_markdown(part: Part) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Panel) and part.markdown:
        return part.markdown
    # whatever a conversation says, it does not end the block it stands in
    text = str(part)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"

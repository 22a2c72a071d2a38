"""The command line: `python -m workbench run travel_booking --size demo`."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper

from workbench import __version__
from workbench.sizes import SIZES

IN_USE = "a run, e.g. travel_booking/demo, its folder, or a domain: then its current run"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Returns 0 (done), 1 (failed), 2 (wrong usage, nothing was done) or 130 (stopped by Ctrl-C).
    """
    given = make_parser().parse_args(arguments)
    try:
        return given.command(given)
    except Exception as error:
        return report_error(error)
    except KeyboardInterrupt:
        hint = "; the same command goes on from here" if given.command is run_command else ""
        print(f"workbench: stopped{hint}", file=sys.stderr)
        return 130


def report_error(error: Exception) -> int:
    """Say what went wrong on the standard error; returns the exit code."""
    # ours derive from ValueError and are one sentence; others deserve their traceback
    if not isinstance(error, ValueError) or not type(error).__module__.startswith("workbench."):
        traceback.print_exception(error)
        return 1
    print(f"workbench: {error}", file=sys.stderr)
    return getattr(error, "exit_code", 1)


def make_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser("python -m workbench", description=__doc__)
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the five notebooks headless, or go on with them")
    run.add_argument("domain", help="a folder under domains, or a path to one")
    run.add_argument("--run", default="demo", metavar="NAME", help="name of the run (demo)")
    run.add_argument("--size", default="demo", choices=tuple(SIZES))
    run.add_argument("--seed", default=7, type=int, help="fixes paths, scenarios and splits (7)")
    run.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a notebook parameter, e.g. -p epochs 3; may be repeated. Numbers may be a list: "
        "-p epochs 1,2 -p learning_rate 3e-4,6e-4 makes four runs, named like "
        "demo-epochs-1-learning_rate-3e-4. Parameters that the notebooks declare as words (str), "
        "such as shares, are never taken apart at their commas",
    )
    run.add_argument("--stages", default="1-5", metavar="N-M", help="e.g. 1-3, 4 or 1,5 (1-5)")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="run nothing: print what models over the API would be asked, in calls, tokens and "
        "dollars",
    )
    run.set_defaults(command=run_command)

    listing = commands.add_parser("list", help="list the runs, and the domains that can be run")
    listing.add_argument("domain", nargs="?", default="", help="list only the runs of this domain")
    listing.set_defaults(command=list_command)

    new = commands.add_parser("new", help="lay out a small working domain to change")
    new.add_argument("name", metavar="NAME", help="of the folder under domains, e.g. my_procedure")
    new.set_defaults(command=new_command)

    importing = commands.add_parser("import", help="make a domain of a chart drawn elsewhere")
    importing.add_argument(
        "file",
        metavar="FILE",
        help="nodes and edges in YAML (.yaml), or a flowchart of Mermaid (.mmd, .mermaid, .md)",
    )
    importing.add_argument("--name", required=True, help="of the new folder under domains")
    importing.add_argument("--start", default="", metavar="NODE", help="where the chart begins")
    importing.add_argument(
        "--phrases", action="store_true", help="make a phrase book of the chart's own words too"
    )
    importing.set_defaults(command=import_command)

    phrases = commands.add_parser(
        "phrases", help="make a phrase book of the flowchart's own words, where there is none"
    )
    phrases.add_argument("domain", help="a folder under domains, or a path to one")
    phrases.set_defaults(command=phrases_command)

    draw = commands.add_parser("draw", help="print a flowchart as text for Mermaid or Graphviz")
    draw.add_argument("domain", help="a folder under domains, or a path to one")
    draw.add_argument("--format", default="mermaid", choices=("mermaid", "dot"), help="(mermaid)")
    draw.set_defaults(command=draw_command)

    check = commands.add_parser("check", help="check a domain's flowchart and the rest of it")
    check.add_argument("domain", help="a folder under domains, or a path to one")
    check.set_defaults(command=check_command)

    diff = commands.add_parser(
        "diff",
        help="what has changed since a run was made, what of it still holds, what the rest takes",
        description="Compare a run with its domain as it is today. Exit code 0: nothing is to be "
        "redone; 3: something is; 1 and 2: it could not be found out.",
    )
    diff.add_argument("run", metavar="RUN", help="a run, e.g. travel_booking/demo, or its folder")
    diff.add_argument(
        "--domain", default="", help="a folder under domains, or a path to one (the run's domain)"
    )
    diff.add_argument("--markdown", action="store_true", help="for a comment on a pull request")
    diff.set_defaults(command=diff_command)

    score = commands.add_parser("score", help="score transcripts of your own, from any system")
    score.add_argument("file", metavar="FILE", help='JSONL, one {"messages": [...]} a line')
    score.add_argument("--domain", required=True, help="a folder under domains, or a path to one")
    score.add_argument("--json", default="", metavar="OUT", help="write all scores to this file")
    score.add_argument(
        "--unforgiven",
        action="append",
        default=[],
        metavar="KIND",
        help="count as wrong what real talk requires: answered, unordered, side_trips, silent, "
        "unopened or all; may be given again",
    )
    score.set_defaults(command=score_command)

    chat = commands.add_parser("chat", help="talk with a compiled model in the terminal")
    chat.add_argument("run", metavar="RUN", help=IN_USE)
    chat.set_defaults(command=chat_command)

    stop = commands.add_parser("stop", help="end a training that runs, with its best weights")
    stop.add_argument("run", metavar="RUN", help="a run, e.g. travel_booking/demo, or its folder")
    stop.set_defaults(command=stop_command)

    serve = commands.add_parser("serve", help="serve a compiled model to clients of OpenAI's API")
    serve.add_argument("run", metavar="RUN", help=IN_USE)
    serve.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="transformers, vllm, or auto: vllm where it and a GPU are there (auto)",
    )
    serve.add_argument("--host", default="localhost", help="who may reach it (localhost)")
    serve.add_argument("--port", default=8000, type=int, help="(8000)")
    serve.set_defaults(command=serve_command)

    gate = commands.add_parser(
        "gate", help="say whether a run may take the place of the one in use"
    )
    gate.add_argument("run", metavar="RUN", help="a run, e.g. travel_booking/new, or its folder")
    gate.add_argument(
        "--against", default="", metavar="RUN", help="the older run (the domain's current one)"
    )
    gate.add_argument(
        "--first", action="store_true", help="there is no older run: compare with nothing"
    )
    gate.add_argument(
        "--thresholds", default="", metavar="FILE", help="(gate.yaml in the domain's folder)"
    )
    gate.add_argument("--junit", default="", metavar="FILE", help="write JUnit XML for CI systems")
    gate.add_argument("--markdown", default="", metavar="FILE", help="write a comment for a change")
    gate.add_argument(
        "--promote", action="store_true", help="if it passes, seal the run and make it current"
    )
    gate.set_defaults(command=gate_command)

    current = commands.add_parser("current", help="show a domain's current run, or name another")
    current.add_argument("domain", metavar="DOMAIN", help="its name under runs")
    current.add_argument("run", metavar="RUN", nargs="?", default="", help="the run to use")
    current.add_argument(
        "--ungated", action="store_true", help="take a run that has passed no gate all the same"
    )
    current.set_defaults(command=current_command)

    export = commands.add_parser("export", help="write a compiled model for other programs")
    export.add_argument("run", metavar="RUN", help="a run, e.g. travel_booking/demo, or its folder")
    export.add_argument(
        "--to", default="", metavar="FOLDER", help="where to (export in the run's folder)"
    )
    export.add_argument(
        "--gguf",
        default="f16,q8_0",
        metavar="KINDS",
        help="number formats of the GGUF files: of f32, f16, bf16, q8_0, or none (f16,q8_0); the "
        "Modelfile takes the last",
    )
    export.set_defaults(command=export_command)
    return parser


def run_command(given: argparse.Namespace) -> int:
    """Run the notebooks, or sweep them where a number has several values; or only say the costs."""
    from workbench.batch import UsageError, parse_stages, run_notebooks
    from workbench.sweep import find_grid, sweep_notebooks, tabulate_trials

    parameters = dict(given.parameter)
    if len(parameters) < len(given.parameter):
        raise UsageError("a parameter is given twice with -p; give it once")
    stages = parse_stages(given.stages)
    if given.dry_run:
        return forecast_command(given, parameters, stages)
    asked = (given.domain, given.run, given.size, given.seed, parameters, stages)
    if not find_grid(parameters, stages):
        run_notebooks(*asked)
        return 0
    trials, worst = [], 0
    for trial in sweep_notebooks(*asked):
        trials.append(trial)
        # said when it happens: the others may take hours
        worst = max(worst, report_error(trial.error) if trial.error else 0)
    print(f"\n{tabulate_trials(trials)}")
    return worst


def forecast_command(
    given: argparse.Namespace, parameters: dict[str, str], stages: list[int]
) -> int:
    """Print what the models over the API that a run names would take."""
    from workbench.batch import check_parameters, choose_notebooks, forecast
    from workbench.domain import read_domain
    from workbench.evaluate.forecast import forecast_evaluation
    from workbench.show.forecasts import describe_forecasts
    from workbench.sizes import SIZES, size_of

    everywhere = {"domain": given.domain, "run": given.run, "size": given.size}
    everywhere["seed"] = str(given.seed)
    values = check_parameters(choose_notebooks(stages=stages), everywhere, parameters)
    if 2 in stages:
        print(forecast(given.domain, given.run, given.size, given.seed, parameters))
    if 5 not in stages:
        return 0
    mine, found = values[5], []
    numbers = {name: mine[name] for name in vars(SIZES["demo"]) if name in mine}
    named = {name: mine[name] for name in ("conditions", "baseline", "judge") if mine.get(name)}
    if named:
        settings = size_of(given.size, **numbers)
        book = read_domain(given.domain)
        found = forecast_evaluation(book, given.run, settings, given.seed, **named)
    print(describe_forecasts(found))
    return 0


def list_command(given: argparse.Namespace) -> int:
    """Print a table of the runs, then the domains; 1 if the files of a run are broken."""
    from workbench.domain import find_domain, is_complete, list_domains
    from workbench.listing import list_runs, tabulate_runs
    from workbench.run import runs_folder

    found, broken = list_runs(given.domain)
    print(tabulate_runs(found) if found else f"There are no runs in {runs_folder()} to list.")
    if not given.domain:
        names = list_domains()
        whole = [name for name in names if is_complete(find_domain(name))]
        print(f"\nDomains that can be run: {', '.join(whole) or 'none'}")
        for name in names:
            if name not in whole:
                way_out = f"python -m workbench check {name} says what is missing"
                print(f'"{name}" is not complete and cannot be run yet; {way_out}')
    for error in broken:
        print(f"workbench: {error}", file=sys.stderr)
    return 1 if broken else 0


def new_command(given: argparse.Namespace) -> int:
    """Lay out a domain, and say what to do next."""
    from workbench.design.layout import lay_out_template

    folder = lay_out_template(given.name)
    print(
        f"{folder} has a small procedure that works: make flowchart.yaml and the files beside it "
        f"your own.\nNext: python -m workbench check {given.name}, after every change; then "
        f"python -m workbench run {given.name} --size smoke"
    )
    return 0


def import_command(given: argparse.Namespace) -> int:
    """Make a domain of a chart, and say what was dropped or assumed and what is missing."""
    from workbench.completeness import measure_completeness
    from workbench.design.importing import import_chart
    from workbench.design.phrasing import write_phrases

    imported = import_chart(given.file, given.name, given.start)
    for note in imported.notes:
        print(note)
    if given.phrases:
        write_phrases(imported.folder)
    print(f"{imported.folder}: read through it, the comments say what was assumed.")
    print(measure_completeness(imported.folder).describe() or "It is complete.")
    return 0


def phrases_command(given: argparse.Namespace) -> int:
    """Write the phrases that a domain has none of, and say which files they are in."""
    from workbench.design.phrasing import write_phrases
    from workbench.domain import find_domain

    for file in write_phrases(find_domain(given.domain)):
        print(f"{file}: made of the flowchart's own words; reword it")
    return 0


def draw_command(given: argparse.Namespace) -> int:
    """Print a domain's flowchart in another format."""
    from workbench.design.drawing import WRITERS
    from workbench.domain import read_design

    print(WRITERS[given.format](read_design(given.domain).flowchart), end="")
    return 0


def check_command(given: argparse.Namespace) -> int:
    """Print what is wrong with a domain, what is in it and what it lacks; 1 if there are errors."""
    from workbench.completeness import measure_completeness
    from workbench.design.counting import describe_size
    from workbench.domain import GATE, find_domain
    from workbench.evaluate.thresholds import check_thresholds

    folder = find_domain(given.domain)
    state = measure_completeness(folder)
    # a domain goes without what its models must reach until there is one to hold to it
    wanted = check_thresholds(folder / GATE)[1] if (folder / GATE).exists() else []
    for problem in [*state.problems, *wanted]:
        print(f"{problem.level}: {problem}")
    if state.is_designed:
        facts, n_personas = state.draft.facts, len(state.draft.personas)
        print(
            f"{describe_size(state.draft.flowchart)}, {len(facts.facts)} facts, "
            f"{len(facts.offers)} offers, {n_personas} personas"
        )
    if missing := state.describe():
        print(missing)
    return 0 if state.is_sound and not wanted else 1


def diff_command(given: argparse.Namespace) -> int:
    """Print what has changed since a run was made; 3 if anything of it is to be redone."""
    from workbench.diff import compare_run
    from workbench.run import find_run

    diff = compare_run(find_run(given.run), given.domain)
    print(diff.write_markdown() if given.markdown else diff)
    return diff.exit_code


def score_command(given: argparse.Namespace) -> int:
    """Print the measures of a file of transcripts."""
    from workbench.conformance import KINDS, forgive_all_but
    from workbench.scoring import score_file

    kinds = KINDS if "all" in given.unforgiven else given.unforgiven
    scored = score_file(given.file, given.domain, given.json, forgive_all_but(*kinds))
    print(f"{scored.describe()}\n\n{scored.tabulate()}\n\n{scored.describe_turns()}")
    return 0


def chat_command(given: argparse.Namespace) -> int:
    """Let the user talk with the compiled model of a run."""
    from workbench.chat import chat
    from workbench.current import find_run_in_use

    if isinstance(sys.stdin, TextIOWrapper):
        # a byte that is no letter must not end the talk
        sys.stdin.reconfigure(errors="replace")
    chat(find_run_in_use(given.run))
    return 0


def stop_command(given: argparse.Namespace) -> int:
    """End a training after the step it is at; 1 if there is none to end."""
    from workbench.run import find_run
    from workbench.train.finetune import stop_training

    run = find_run(given.run)
    if not stop_training(run):
        print(f"workbench: no training of {run.folder} is under way", file=sys.stderr)
        return 1
    print("It ends after the step it is at; the best weights so far are kept.")
    return 0


def serve_command(given: argparse.Namespace) -> int:
    """Become a server of the compiled model of a run."""
    from workbench.current import find_run_in_use
    from workbench.serve import serve

    serve(find_run_in_use(given.run), given.engine, given.host, given.port)
    return 0


def gate_command(given: argparse.Namespace) -> int:
    """Print what a run was asked and what was found; 1 if anything was not passed."""
    from contextlib import nullcontext
    from pathlib import Path

    from workbench import gate as gates
    from workbench.current import hold_results
    from workbench.evaluate.thresholds import read_thresholds
    from workbench.run import find_run, replace_file

    run = find_run(given.run)
    with hold_results(run) if given.promote else nullcontext():
        older = gates.find_older(run, given.against, given.first)
        thresholds = read_thresholds(gates.find_thresholds(run, given.thresholds))
        verdict = gates.gate(run, older, thresholds)
        print(gates.describe(verdict))
        if given.junit:
            replace_file(Path(given.junit), gates.write_xml(verdict))
        if given.markdown:
            replace_file(Path(given.markdown), gates.write_markdown(verdict).encode())
        if verdict.is_passed and given.promote:
            print(f"\n{gates.promote(verdict)}")
    return 0 if verdict.is_passed else 1


def current_command(given: argparse.Namespace) -> int:
    """Print the name of the run in use, or move the pointer to another."""
    from workbench.current import find_current, move_current
    from workbench.run import find_run

    if not given.run:
        print(find_current(given.domain).name)
        return 0
    own = given.run.removeprefix(f"{given.domain}/")
    pointer = move_current(find_run(f"{given.domain}/{own}"), given.ungated)
    way_back = f"; back: python -m workbench current {given.domain} {pointer.before}"
    print(f"{given.domain} now uses {pointer.run}{way_back if pointer.before else ''}")
    return 0


def export_command(given: argparse.Namespace) -> int:
    """Write the compiled model of a run for other programs, and say what lies where."""
    from workbench.run import find_run
    from workbench.train.export import export, parse_kinds

    folder = export(find_run(given.run), given.to, parse_kinds(given.gguf))
    print(f"{folder}: README.md there says how to run it")
    return 0


if __name__ == "__main__":
    sys.exit(main())

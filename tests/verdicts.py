"""What judges answer in tests: verdicts that fit, and now and then none."""

from workbench.conversation import hash_text
from workbench.evaluate.rubric import CRITERIA, ChallengedVerdict, Verdict


def give(schema, scores, turn=1):
    """A verdict with the scores, as a model's answer is read."""
    names = [n for n in CRITERIA if n != "graceful_handling" or schema is ChallengedVerdict]
    cited = {"turns": [turn], "finding": "seen"}
    return schema.model_validate(
        {
            "evidence": dict.fromkeys(names, cited),
            "scores": {name: scores.get(name, 5) for name in names},
        }
    )


def answer_as_a_judge(body):
    """A verdict that fits what is asked for; to one question in nine none at all."""
    asked = body["messages"][1]["content"]
    if int(hash_text(asked), 16) % 9 == 0:
        return "I would say it went quite well."
    schema = ChallengedVerdict if "ChallengedVerdict" in asked else Verdict
    return f"Sure:\n```json\n{give(schema, {}).model_dump_json()}\n```"

"""A tiny scripted strong and target model whose every answer is known beforehand."""

from __future__ import annotations

import re

from codeclm.llm.chat import ChatRequest


def answer(request: ChatRequest) -> str:
    """Instructions are "easy N" or "hard N"; strong beats target on hard ones and on twice improved ones."""
    text = request.messages[-1].content
    match request.stage:
        case "encode":
            return f"Use case: case {text[-1]}\nSkills: skill {text[-1]}, shared skill"
        case "pairs":
            return "yes"
        case "decode":
            return decoded(text, request.draw)
        case "rubrics":
            return "Rubrics:\n1. depth\nActions:\n1. go deeper"
        case "improve":
            return text.rpartition("Instruction: ")[2] + " and why"
        case "judge":
            return judged(text)
    return f"answer to {text}"


def decoded(prompt: str, draw: int) -> str:
    count = int(prompt.rpartition(": ")[2])
    case = re.findall(r"Use case: [cC]ase (.)", prompt)[-1]
    kinds = ("easy", "hard")
    return "\n".join(f"{n}. {kinds[n % 2]} task {case}-{draw}-{n}" for n in range(1, count + 1))


def judged(prompt: str) -> str:
    instruction = prompt.partition("[Instruction]")[2].partition("[End of instruction]")[0]
    far = "hard" in instruction or instruction.count("and why") >= 2
    first = prompt.partition("[Response of Assistant 1]")[2].partition("[End")[0]
    high, low = ("9", "4") if far else ("8", "7")
    return f"{low} {high}" if "target" in first else f"{high} {low}"


def target_answer(request: ChatRequest) -> str:
    """The target only responds."""
    assert request.stage == "respond"
    return f"target answer to {request.messages[-1].content}"

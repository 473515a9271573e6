"""A model of your own: any class with the one method ``complete``. Here: local functions, no network at all."""

import asyncio

from codeclm import ChatRequest, Completion, Parties, Party, load_settings, synthesize

ANSWERS = {
    "encode": "Use case: arithmetic\nSkills: addition, number sense",
    "decode": "1. Add 17 and 26.\n2. How much is 3 + 4 + 5?\n3. Halve 90 and add 1.",
    "rubrics": "Rubrics:\n1. Number of steps\nActions:\n1. Demand one more step of calculation",
    "improve": "Add 17 and 26, then double the sum.",
}


class Strong:
    """Answers by who asks. A real one would call a service of yours here."""

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request``."""
        question = request.messages[-1].content
        if request.stage == "judge":
            first = question.split("[Response of Assistant 1]")[1]
            return Completion("9 3" if first.strip().startswith("Step by step") else "3 9")
        return Completion(ANSWERS.get(request.stage, f"Step by step: {question}"))


class Target:
    """The model to be aligned."""

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request``."""
        return Completion("42, I think.")


async def main() -> None:
    """Six instructions from two seeds."""
    settings = load_settings(None, {"method": {"total": 6, "augment_to": 0}})
    parties = Parties(strong=Party(Strong()), target=Party(Target()))
    seeds = ["What is 12 + 30?", "Add up the numbers from 1 to 10."]
    async with synthesize(seeds, settings, parties=parties) as examples:
        async for example in examples:
            print(example.comparison.draft.instruction, "->", example.comparison.strong)


if __name__ == "__main__":
    asyncio.run(main())

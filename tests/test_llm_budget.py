"""A budget is never exceeded: whatever the order in which calls are sent, end, fail and are cancelled."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    AnswerTooLarge,
    BudgetExhausted,
    CodecLMError,
    ConnectionFailed,
    ContextTooLong,
    EmptyAnswer,
    Filtered,
    KeyRefused,
    Overloaded,
    ParameterRefused,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    TimedOut,
    Unreachable,
)
from codeclm.llm.budget import Budget
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.events import PerhapsBilled
from codeclm.llm.metered import Bounds, Meter, MeteredModel, may_be_billed
from codeclm.llm.purse import NOTHING, Caps, Purse, Spending
from codeclm.llm.scripted import ScriptedModel
from codeclm.prices import Price
from tests.virtual_time import outcome, settled

pytestmark = pytest.mark.anyio

ASKED = ChatRequest((Message("user", "Hi"),), 0.7, 100, stage="judge", iteration=2)


def spending(amount: int) -> Spending:
    return Spending(amount, 1, amount)


amounts = st.integers(0, 60)
calls = st.lists(st.tuples(amounts, amounts, st.sampled_from("asks")), max_size=60)


@given(
    calls,
    st.none() | amounts,
    st.none() | amounts,
    st.none() | st.integers(0, 20),
    amounts,
    st.randoms(),
)
def test_no_order_of_calls_goes_beyond_the_caps(
    calls: list[tuple[int, int, str]],
    money: int | None,
    tokens: int | None,
    number: int | None,
    before: int,
    random: Random,
) -> None:
    """Nor beyond what is on record; what does not fit beside others may fit when those have settled for less."""
    caps = Caps(money, number, tokens)
    start = Spending(before, 0, before)
    purse = Purse(caps, start)
    under_way: list[tuple[Spending, Spending]] = []
    really = start  # what a provider would bill in the worst of cases that can still come true
    for worst_amount, used_amount, _ in calls:
        worst = spending(worst_amount)
        hopeless = purse.is_hopeless(worst)
        if purse.reserve(worst):
            assert not hopeless
            if purse.lacks:
                step = purse.step(worst)
                assert not purse.authorised.exceeds(step)
                purse.authorised = step
            assert not purse.lacks
            under_way.append((worst, spending(min(used_amount, worst_amount))))
        assert caps.allow(purse.committed) or not caps.allow(start)
        assert not purse.committed.exceeds(purse.authorised)
        if not caps.allow(start):
            assert not under_way
        elif under_way:
            assert caps.allow(purse.authorised)
        while under_way and random.random() < 0.5:
            worst, used = under_way.pop(random.randrange(len(under_way)))
            purse.settle(worst, used)
            really = really.plus(used)
            assert purse.spent == really
    for worst, used in under_way:
        purse.settle(worst, used)
    assert purse.committed == purse.spent


class Recorder:
    """Keeps what is authorised, and checks each call against it."""

    def __init__(self) -> None:
        self.most = NOTHING
        self.times = 0

    def keep(self, most: Spending) -> None:
        self.most = most
        self.times += 1


async def test_many_calls_at_once_never_go_beyond_and_use_all_that_fits() -> None:
    """What is sent is on record before, in few steps; calls wait for others to settle; in the end one does not fit."""
    random, recorder, sent, peak = Random(1), Recorder(), 0, 0
    budget = Budget(Caps(10_000), keep=recorder.keep)
    under_way: list[int] = []
    ended: list[BaseException | None] = []

    async def call() -> None:
        nonlocal sent, peak
        worst = random.randint(1, 100)
        try:
            await budget.reserve(spending(worst))
        except BudgetExhausted as error:
            ended.append(error)
            return
        under_way.append(worst)
        assert sent + sum(under_way) <= 10_000
        assert sent + sum(under_way) <= recorder.most.picodollars
        peak = max(peak, len(under_way))
        await asyncio.sleep(random.random() * 0.002)
        used = random.randint(0, worst)
        under_way.remove(worst)
        sent += used
        budget.settle(spending(worst), spending(used))

    async with asyncio.TaskGroup() as group:
        for _ in range(600):
            group.create_task(call())
    assert peak > 20
    assert budget.spent.picodollars == sent
    assert 9_900 < sent <= 10_000
    assert len(ended) > 50
    assert recorder.times < 60


async def test_what_cannot_fit_any_more_ends_all_and_says_how_to_go_on() -> None:
    """In one line: what was spent, what the next call could have cost, what to raise."""
    budget = Budget(Caps(20 * 10**12), Spending(19_990_000_000_000, 5, 5))
    with pytest.raises(BudgetExhausted) as caught:
        await budget.reserve(Spending(20_000_000_000, 1, 1))
    assert caught.value.exit_code == 5
    assert str(caught.value) == (
        "the budget of $20.00 is used up: $19.99 spent, and the next call could cost up to "
        "$0.0200; raise --max-cost (or budget: max_cost) to go on"
    )
    with pytest.raises(
        BudgetExhausted
    ):  # once it is over, it is over: an order of sizes would be unfair
        await budget.reserve(NOTHING)
    for caps, words in ((Caps(calls=5), "of 5 calls is used up"), (Caps(tokens=5), "of 5 tokens")):
        with pytest.raises(BudgetExhausted, match=words):
            await Budget(caps, Spending(0, 5, 5)).reserve(spending(1))


async def test_a_call_waits_for_others_and_a_stop_wakes_it() -> None:
    """It is sent where they settle for less; those in line after a larger one wait behind it."""
    budget = Budget(Caps(100))
    await budget.reserve(spending(60))
    async with asyncio.TaskGroup() as group:
        large = group.create_task(outcome(budget.reserve(spending(70))))
        small = group.create_task(outcome(budget.reserve(spending(10))))
        gone = group.create_task(outcome(budget.reserve(spending(40))))
        await settled()
        assert not large.done()
        assert not small.done()
        gone.cancel()
        budget.settle(spending(60), spending(20))
        await settled()
        assert large.result() is None
        assert small.result() is None
        late = group.create_task(outcome(budget.reserve(spending(40))))
        await settled()
        budget.close(RunStopped("interrupted"))
    assert isinstance(late.result(), RunStopped)
    assert budget.spent == Spending(100, 3, 100)


async def test_where_nothing_can_be_put_on_record_nothing_is_sent() -> None:
    """The reservation is given back."""

    def refuse(most: Spending) -> None:
        raise RunStopped("cannot be written")

    budget = Budget(Caps(100), keep=refuse)
    with pytest.raises(RunStopped, match="cannot be written"):
        await budget.reserve(spending(10))
    assert budget.spent == NOTHING


FREE = [
    RateLimited("429"),
    KeyRefused("401"),
    ParameterRefused("400", "seed"),
    Overloaded("503"),
    RequestRefused("400"),
    Unreachable("refused"),
    QuotaExhausted("402"),
]
PERHAPS = [
    TimedOut("late"),
    ConnectionFailed("reset"),
    ServerError("502"),
    EmptyAnswer("empty"),
    AnswerTooLarge("large"),
    ContextTooLong("long"),
    Filtered("filtered"),
]


@pytest.mark.parametrize("error", [*FREE, *PERHAPS], ids=lambda error: type(error).__name__)
async def test_what_was_refused_costs_nothing_and_what_may_be_billed_stays(
    error: CodecLMError,
) -> None:
    """With a budget and without one, what may be billed is told at its worst."""
    told: list[object] = []
    bounds, spent = Bounds({}), []
    for budget in (Budget(Caps(10**12)), None):
        meter = None if budget is None else Meter(budget, Price(1, 2))

        def fail(request: ChatRequest) -> Completion:
            raise error

        model = MeteredModel(
            ScriptedModel(fail), bounds, model="openai:m", on_event=told.append, meter=meter
        )
        with pytest.raises(type(error)):
            await model.complete(ASKED)
        spent += [] if budget is None else [budget.spent]
    given, made = bounds(ASKED)
    if error in FREE:
        assert (spent, told) == ([NOTHING], [])
    else:
        assert spent == [Spending(given * 10**6 + made * 2 * 10**6, 1, given + made)]
        assert told == 2 * [PerhapsBilled("openai:m", "judge", 2, given, made)]


def test_an_error_inside_an_answer_may_be_billed() -> None:
    """An endpoint that broke off had begun; a rate limit is one whatever its status."""
    broken_off, limited = Overloaded("broke off"), RateLimited("429 in a 200")
    broken_off.answered = limited.answered = True
    assert may_be_billed(broken_off)
    assert not may_be_billed(limited)


@pytest.mark.parametrize(
    ("usage", "cost", "tokens"),
    [
        (Usage(10, 5), 10 + 2 * 5, 15),
        (Usage(10, 5, 4), 6 + 2 + 2 * 5, 15),
        (Usage(10, None), 10 + 2 * 100, 110),
        (Usage(), None, None),
    ],
)
async def test_an_answer_is_settled_by_what_it_took(
    usage: Usage, cost: int | None, tokens: int | None
) -> None:
    """Where it was not counted, by the most that it can have been."""
    budget, bounds = Budget(Caps(10**12)), Bounds({})
    model = MeteredModel(
        ScriptedModel(lambda request: Completion("yes", "stop", usage)),
        bounds,
        model="openai:m",
        on_event=lambda event: None,
        meter=Meter(budget, Price(1, 2, 0.5)),
    )
    await model.complete(ASKED)
    given, made = bounds(ASKED)
    cost = given + 2 * made if cost is None else cost
    assert budget.spent == Spending(cost * 10**6, 1, tokens or given + made)


@given(st.lists(st.text(max_size=50), min_size=1, max_size=4))
def test_a_prompt_has_no_more_tokens_than_the_bound(texts: list[str]) -> None:
    """A token is a byte at least; a server's own marks are counted as well."""
    request = ChatRequest(tuple(Message("user", text) for text in texts), None, 7)
    given, made = Bounds({})(request)
    assert given >= sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + 256
    assert made == 7


@pytest.mark.parametrize(
    ("extra", "made"),
    [
        ({"max_tokens": 500}, 500),
        ({"max_completion_tokens": 500}, 500),
        ({"n": 3}, 300),
        ({"n": 3, "max_tokens": 10}, 30),
        ({"max_tokens": None}, 1_000_000),
    ],
)
def test_further_fields_of_a_request_count(extra: dict[str, object], made: int) -> None:
    """They may ask for more than the request does."""
    assert Bounds(extra)(ASKED)[1] == made
    assert Bounds(extra)(ASKED)[0] > Bounds({})(ASKED)[0]


async def test_input_written_to_a_prompt_cache_is_reckoned_at_twice_its_price() -> None:
    """That is the most that it costs, and usage does not tell how much of it was."""
    meter = Meter(Budget(Caps()), Price(1, 2, 0.1), writes_cache=True)
    assert meter.worst(100, 10).picodollars == (200 + 20) * 10**6
    assert meter.used(Usage(50, 5, 20), (100, 10)).picodollars == (100 + 10) * 10**6

"""Faults, durations and limits of the simulated server, without any network."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.simulator import Faults, Schedule, ServerOptions, fault_list, parse_duration
from codeclm.simulator.faults import FAULTS
from codeclm.simulator.rate_window import RateWindow


@given(
    st.dictionaries(
        st.sampled_from(sorted(FAULTS)), st.floats(0, 1 / len(FAULTS), allow_nan=False), min_size=1
    )
)
def test_written_faults_are_read_back(shares: dict[str, float]) -> None:
    """Any valid list of shares is parsed to itself, with spaces anywhere around its parts."""
    text = " , ".join(f" {name} = {share!r} " for name, share in shares.items())
    assert Faults.parse(text).shares == tuple(shares.items())


@given(st.text())
def test_any_text_is_faults_or_a_usage_error(text: str) -> None:
    """Nothing a user can type is another kind of error."""
    with suppress(UsageError):
        faults = Faults.parse(text)
        assert all(name in FAULTS and 0 <= share <= 1 for name, share in faults.shares)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rest=0.1", "did you mean 'reset'"),
        ("time-out=0.1", "did you mean 'timeout'"),
        ("501=0.1", "did you mean '50"),
        ("qqq=0.1", "known: 429"),
        ("429", "needs a share"),
        ("429=often", "'often'"),
        ("429=1.5", "between 0 and 1"),
        ("429=-0.1", "between 0 and 1"),
        ("429=nan", "between 0 and 1"),
        ("429=0.6,500=0.6", "together"),
        ("429=0.1,429=0.2", "twice"),
        ("quota:gemin@7", "did you mean 'gemini'"),
        ("429:x=1", "takes nothing behind a colon"),
        ("huge:0=1", "unknown fault huge"),
        ("bad-parameter:=1", "unknown fault bad-parameter"),
        ("401@", "cannot come at ''"),
        ("401@0", "write @N, @N.K"),
        ("401@5+0", "write @N, @N.K"),
        ("outage@30-90", "@As-Bs"),
        ("outage@90s-30s", "@As-Bs"),
        ("outage=2@30s-90s", "between 0 and 1"),
    ],
)
def test_bad_faults_are_explained(text: str, message: str) -> None:
    """The error names what is wrong and, for a typing slip, what was meant."""
    with pytest.raises(UsageError, match=message):
        Faults.parse(text)


def test_faults_come_in_their_shares_and_a_retry_draws_again() -> None:
    """Over many requests each fault has its share; which request meets which depends on seed and number alone."""
    faults = Faults.parse("429=0.05,reset=0.02,slow=0.2")
    drawn = [faults.of_request(number) for number in range(20_000)]
    for name, share in (("429", 0.05), ("reset", 0.02), ("slow", 0.2), (None, 0.73)):
        assert drawn.count(name) / len(drawn) == pytest.approx(share, abs=0.01)
    assert drawn == [faults.of_request(number) for number in range(20_000)]
    other = Faults.parse("429=0.05,reset=0.02,slow=0.2", seed=1)
    assert drawn != [other.of_request(number) for number in range(20_000)]


def met(text: str, numbers: range, second: float = 0.0) -> list[str | None]:
    faults = Faults.parse(text)
    return [faults.of_request(number, second) for number in numbers]


def test_a_fault_comes_at_its_request_numbers() -> None:
    """From a number on, or so many from there; what is planned comes before what is drawn."""
    assert met("quota:gemini@3", range(1, 6)) == [None, None, *["quota:gemini"] * 3]
    assert met("401@2+1,500=1", range(1, 4)) == ["500", "401", "500"]
    assert met("401@2+2,403@3", range(1, 6)) == [None, "401", "401", "403", "403"]


def test_a_fault_comes_in_its_seconds() -> None:
    """A window holds its first moment and not its last; without an end it stays."""
    for second, fault in ((29.9, None), (30.0, "outage:html502"), (89.9, "outage:html502")):
        assert met("outage:html502@30s-90s", range(1, 3), second) == [fault, fault]
    assert met("outage:html502@30s-90s,loading@100s", range(1, 2), 90.0) == [None]
    assert met("outage:html502@30s-90s,loading@100s", range(1, 2), 1e6) == ["loading"]


def test_a_share_may_be_planned_too() -> None:
    """Of the requests in the window that share meets the fault, and none outside."""
    inside = met("502=0.3@10s-20s", range(5000), 15.0)
    assert inside.count("502") / len(inside) == pytest.approx(0.3, abs=0.02)
    assert set(met("502=0.3@10s-20s", range(1000), 20.0)) == {None}


def test_a_fault_comes_to_a_text() -> None:
    """A poisoned prompt meets it each time, wherever in the messages the text stands; others never."""
    faults = Faults.parse("context~a poisoned well, empty@2~sea")
    well, sea = (
        [{"role": "user", "content": f"Tell of {it}."}] for it in ("a poisoned well", "sea")
    )
    for number in range(1, 5):
        assert faults.of_request(number, messages=well) == "context"
        assert faults.of_request(number, messages=[*well, *sea]) == "context"
        assert faults.of_request(number, messages=sea) == ("empty" if number > 1 else None)
        assert faults.of_request(number) is None


def test_a_parameter_that_is_not_sent_harms_nobody() -> None:
    """The fault goes by the fields of the request, and another may come in its place."""
    faults = Faults.parse("bad-parameter@1,bad-parameter:seed@1,500=1")
    assert faults.of_request(1, 0.0, {"max_tokens", "seed"}) == "bad-parameter"
    assert faults.of_request(1, 0.0, {"max_completion_tokens", "seed"}) == "bad-parameter:seed"
    assert faults.of_request(1, 0.0, {"max_completion_tokens"}) == "500"


def test_every_fault_is_listed() -> None:
    """The list for people has each name, and each detail that may be given."""
    text = "\n".join(fault_list())
    for name, kind in FAULTS.items():
        assert f"\n  {name}" in text
        assert all(detail in text for detail in kind.details)


def test_no_faults_and_nothing_but_faults() -> None:
    """An empty list never fails a request; a share of 1 fails every one."""
    assert {Faults.parse("").of_request(n) for n in range(1000)} == {None}
    assert {Faults.parse("500=1").of_request(n) for n in range(1000)} == {"500"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("0.2s", 0.2),
        ("0.2", 0.2),
        ("2", 2),
        (".5s", 0.5),
        ("1.5 m", 90),
        (" 3s ", 3),
        ("0", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Milliseconds, seconds, minutes, and bare seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@given(st.text() | st.sampled_from(["", "ms", "-1s", "1h", "1e3", "nan", "inf", "1,5s", "1s2"]))
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    """Durations are never negative, and nothing else is accepted by accident."""
    with suppress(UsageError):
        assert 0 <= parse_duration(text) < float("inf") or len(text) > 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latency_s": -1.0}, "latency_s must be 0 or more"),
        ({"latency_jitter": 2.0}, "latency_jitter must be between 0 and 1"),
        ({"requests_per_minute": 0}, "requests_per_minute must be 1 or more"),
        ({"max_in_flight": 0}, "max_in_flight must be 1 or more"),
        ({"rate_window_s": 0.0}, "rate_window_s must be more than 0"),
        ({"retry_after_s": -1.0}, "retry_after_s must be 0 or more"),
        ({"token_latency_s": -1.0}, "token_latency_s must be 0 or more"),
        ({"rate_burst": 0.5}, "rate_burst must be 1 or more"),
        ({"max_in_flight": Schedule(((0, 0.5),))}, "max_in_flight must be 1 or more"),
        ({"capacity": 0}, "capacity must be 1 or more"),
        ({"hint_share": 1.5}, "hint_share must be between 0 and 1"),
        ({"response_format": "maybe"}, "response_format must be one of follow, ignore, refuse"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    """A server that cannot behave as told is not built."""
    with pytest.raises(UsageError, match=message):
        ServerOptions(**options)  # type: ignore[arg-type]


def test_the_key_is_not_shown() -> None:
    """Options can be printed without giving the key away."""
    assert "canary" not in repr(ServerOptions(api_key="canary"))


@given(
    limit=st.integers(1, 20),
    steps=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200),
)
def test_a_window_never_admits_more_than_its_limit(limit: int, steps: list[float]) -> None:
    """In any window at most the limit is admitted, and after the wait it names there is room again."""
    now, admitted = 0.0, []
    window = RateWindow(limit, 10.0, lambda: now)
    for step in steps:
        now += step
        wait_s = window.admit()
        if wait_s == 0:
            admitted.append(now)
        else:
            assert 0 < wait_s <= 10.000001
            now += wait_s + 1e-6
            assert window.admit() == 0
            admitted.append(now)
        assert sum(at > now - 9.999999 for at in admitted) <= limit
        assert 0 <= window.remaining < limit

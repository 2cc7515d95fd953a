"""Stories of wallets and keys, and all that is to be said of each: written from what was promised, not made.

A story yields its looks. A line of `told` is a kind, a subject and the names of the keys. What is said at one
look stands in the order of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import frozen

from openrouter_credits import Budget, CheckReport, KeyInfo, OpenRouterError
from tests.kit.reports import allowance, failed, listed, managed, mask_of, purse, report
from tests.kit.values import DOWN, FORBIDDEN, NOW, UNAUTHORIZED, down

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY = 5 * MINUTE
THREE = ("bot", "ci", "web")
BOTH = ("bot", "web")
TEN = tuple(f"key{number}" for number in range(10))

Look = CheckReport | OpenRouterError
Find = Callable[[datetime], Look]
"""What a look finds at that time."""
Step = tuple[timedelta | datetime, Find]
"""When the look is, or how much later than the one before; and what it finds."""
Told = tuple[str, str, str]
"""Kind, subject, and the names of the keys."""


@frozen
class Story:
    """Looks, and what is to be said of them."""

    name: str
    says: tuple[Told, ...]
    steps: Callable[[], Iterator[Step]]

    def looks(self) -> Iterator[tuple[datetime, Look]]:
        """Yield each look with its time."""
        at = NOW
        for when, find in self.steps():
            at = when if isinstance(when, datetime) else at + when
            yield at, find(at)


STORIES: list[Story] = []


def told(*lines: str) -> Callable[[Callable[[], Iterator[Step]]], Callable[[], Iterator[Step]]]:
    """Add a story, and what is to be said of it."""

    def add(steps: Callable[[], Iterator[Step]]) -> Callable[[], Iterator[Step]]:
        says = [line.split(" ", 2) for line in lines]
        name = steps.__name__.replace("_", " ")
        STORIES.append(Story(name, tuple((kind, of, keys) for kind, of, keys in says), steps))
        return steps

    return add


def first_of(year: int, month: int) -> datetime:
    """Return when a month begins."""
    return datetime(year, month, 1, tzinfo=UTC)


def dead(_: datetime) -> Look:
    """Find nobody."""
    return down()


def wallet(left: str, bought: str = "100", keys: Any = BOTH) -> Find:
    """Find a wallet that keys share."""
    return lambda at: report(purse(left, bought), keys, at=at)


def wallet_unread(keys: Any = BOTH) -> Find:
    """Find keys, but not their wallet."""
    return lambda at: report(DOWN, keys, at=at)


def refused(*names: str, wallet: str = "30", others: tuple[str, ...] = ()) -> Find:
    """Find that keys are refused, and others are not; their wallet can be read."""
    keys: Mapping[str, KeyInfo | OpenRouterError] = {
        **dict.fromkeys(names, UNAUTHORIZED),
        **dict.fromkeys(others, allowance()),
    }
    return lambda at: report(wallet, dict(sorted(keys.items())), at=at)


def alone(left: str, limit: str = "50", used: str | None = None, **fields: Any) -> Find:
    """Find one key, named `bot`, whose wallet nobody can see."""
    counter: dict[str, Any] = {} if used is None else {"usage": Decimal(used)}
    key = allowance(left, limit, **counter, **fields)
    return lambda at: report(FORBIDDEN, {"bot": key}, account=None, at=at)


# One wallet.


@told(
    "low wallet:acme bot ci web",
    "critical wallet:acme bot ci web",
    "depleted wallet:acme bot ci web",
    "depleted wallet:acme bot ci web",
    "stale openrouter bot ci web",
    "fresh openrouter bot ci web",
    "recovered wallet:acme bot ci web",
)
def a_wallet_that_three_keys_share() -> Iterator[Step]:
    """It falls, flaps by purchases of cents, is empty for a day, is not read, and is filled."""
    yield EVERY, wallet("30", keys=THREE)
    yield EVERY, wallet("9.90", keys=THREE)
    for cents in range(4):
        yield EVERY, wallet("11.80", str(Decimal("101.90") + cents), THREE)
        yield EVERY, wallet("9.90", str(Decimal("101.90") + cents), THREE)
    yield EVERY, wallet("4.80", "105", THREE)
    yield EVERY, wallet("7.80", "108", THREE)
    yield EVERY, wallet("-1.20", "108", THREE)
    yield DAY - EVERY, wallet("-1.20", "108", THREE)
    yield EVERY, wallet("-1.20", "108", THREE)
    yield EVERY, wallet("-1.20", "108", THREE)
    for _ in range(5):
        yield EVERY, dead
    yield EVERY, wallet("-1.20", "108", THREE)
    yield EVERY, wallet("38.80", "148", THREE)
    yield EVERY, wallet("38.80", "148", THREE)


@told(
    "low wallet:acme bot web",
    "recovered wallet:acme bot web",
    "low wallet:acme bot web",
    "recovered wallet:acme bot web",
)
def two_recoveries() -> Iterator[Step]:
    """A purchase is a proof, so that one look is enough; of other rises two looks in a row are needed."""
    yield EVERY, wallet("30")
    yield EVERY, wallet("9")
    yield EVERY, wallet("29", "120")
    yield EVERY, wallet("9", "120")
    yield EVERY, wallet("12", "120")
    yield EVERY, wallet("11.99", "120")
    yield EVERY, wallet("12", "120")
    yield EVERY, wallet("12", "120")
    yield EVERY, wallet("30", "120")


@told("low wallet:acme bot web")
def rises_on_one_look() -> Iterator[Step]:
    """A rise without a purchase that is gone at the next look is no recovery."""
    yield EVERY, wallet("9")
    for _ in range(3):
        yield EVERY, wallet("12")
        yield EVERY, wallet("11.99")


@told(*["depleted wallet:acme bot web"] * 3)
def an_empty_wallet_for_two_days() -> Iterator[Step]:
    """An empty wallet is told at the first look, and once a day."""
    yield EVERY, wallet("-1.20")
    for _ in range(2 * 24):
        yield HOUR, wallet("-1.20")


@told("low wallet:acme bot web")
def a_low_wallet_for_four_days() -> Iterator[Step]:
    """A low wallet is told once."""
    for _ in range(4):
        yield DAY, wallet("9")


@told("depleted wallet:acme bot web", "critical wallet:acme bot web")
def a_wallet_that_is_hardly_filled() -> Iterator[Step]:
    """An empty wallet is left at 1.2 times the threshold of critical, without a word."""
    yield EVERY, wallet("20")
    yield EVERY, wallet("0")
    yield EVERY, wallet("5.99", "106")
    yield EVERY, wallet("0", "106")
    yield EVERY, wallet("6", "112")
    yield EVERY, wallet("4.99", "112")


@told("critical wallet:acme bot web")
def two_levels_at_once() -> Iterator[Step]:
    """A wallet that falls below two thresholds at once is told once."""
    yield EVERY, wallet("20")
    yield EVERY, wallet("3")


@told("low wallet:acme bot web", "low wallet:beta spare")
def two_wallets() -> Iterator[Step]:
    """Two wallets are two causes."""

    def both(left: str, other: str) -> Find:
        return lambda at: CheckReport.merged(
            [report(left, BOTH, at=at), report(other, ("spare",), account="beta", at=at)]
        )

    yield EVERY, both("30", "30")
    yield EVERY, both("9", "30")
    yield EVERY, both("9", "9")


@told("low wallet:acme bot web", "low key:acme/bot bot", "recovered wallet:acme bot web")
def a_low_key_below_a_lower_wallet() -> Iterator[Step]:
    """A key says nothing of its amount as long as its wallet has less."""
    keys = {"bot": allowance("9"), "web": allowance()}
    yield EVERY, wallet("30", keys={"bot": allowance("40"), "web": allowance()})
    yield EVERY, wallet("8", keys=keys)
    yield EVERY, wallet("108", "200", keys)
    yield EVERY, wallet("108", "200", keys)


@told("low wallet:acme bot", "recovered wallet:acme bot web")
def keys_that_come_and_go() -> Iterator[Step]:
    """A wallet is the same one whichever keys spend from it."""
    yield EVERY, wallet("30")
    yield EVERY, wallet("9", keys=("bot",))
    yield EVERY, wallet("9")
    yield EVERY, wallet("30", "130")


# One key.


@told(*["low key:bot bot", "recovered key:bot bot"] * 3)
def a_key_blind_to_its_wallet_over_three_resets() -> Iterator[Step]:
    """Its limit is low each month, and re-armed by each reset, which upstream tells a minute late."""
    used = 0
    for reset in (first_of(2026, 11), first_of(2026, 12), first_of(2027, 1)):
        yield EVERY, alone("50", used=str(used))
        yield 3 * DAY, alone("20", used=str(used + 30))
        yield 3 * DAY, alone("8", used=str(used + 42))
        yield reset - MINUTE, alone("8", used=str(used + 42))
        yield reset + MINUTE / 2, alone("8", used=str(used + 42))
        yield reset + 6 * MINUTE, alone("50", used=str(used + 42))
        used += 42


@told(*["low key:bot bot", "critical key:bot bot", "recovered key:bot bot"] * 2)
def a_cap_of_ten_dollars_with_seven_spent() -> Iterator[Step]:
    """A limit that is no higher than the threshold recovers when it is whole again."""
    used = Decimal(0)
    for reset in (first_of(2026, 11), first_of(2026, 12)):
        for spent in ("0", "2.50", "6", "7"):
            yield DAY, alone(str(10 - Decimal(spent)), "10", used=str(used + Decimal(spent)))
        used += 7
        yield reset, alone("10", "10", used=str(used))


@told()
def a_small_limit_that_is_whole() -> Iterator[Step]:
    """A full limit below the threshold is no news."""
    yield EVERY, alone("5", "5")
    yield EVERY, alone("5", "5")


@told("low key:bot bot", "recovered key:bot bot")
def a_raised_limit() -> Iterator[Step]:
    """One look is enough to see that a limit was raised."""
    yield EVERY, alone("20", used="30")
    yield EVERY, alone("9", used="41")
    yield EVERY, alone("59", "100", used="41")
    yield EVERY, alone("59", "100", used="41")


@told("low key:acme/bot bot", "recovered key:acme/bot bot")
def a_removed_limit() -> Iterator[Step]:
    """A key whose limit is gone has recovered."""
    used = Decimal(41)
    yield EVERY, wallet("90", keys={"bot": allowance("9", usage=used)})
    yield EVERY, wallet("90", keys={"bot": allowance(usage=used)})
    yield EVERY, wallet("90", keys={"bot": allowance(usage=used)})


@told("low key:acme/bot bot", "recovered key:acme/bot bot")
def a_key_made_anew_under_its_name() -> Iterator[Step]:
    """Another key under the name of one that was low is a recovery."""
    masks = {"bot": mask_of("another bot")}
    yield EVERY, wallet("90", keys={"bot": allowance("30")})
    yield EVERY, wallet("90", keys={"bot": allowance("9")})
    yield EVERY, lambda at: report("90", {"bot": allowance("50")}, at=at, masks=masks)
    yield EVERY, lambda at: report("90", {"bot": allowance("45")}, at=at, masks=masks)


@told("low key:bot bot")
def a_counter_that_falls() -> Iterator[Step]:
    """A counter that falls changes no level."""
    yield EVERY, alone("30", used="100")
    yield EVERY, alone("9", used="121")
    yield EVERY, alone("9", used="1")
    yield EVERY, alone("9", used="2")


@told("invalid key:acme/bot bot", "recovered key:acme/bot bot")
def a_key_that_is_disabled_and_enabled() -> Iterator[Step]:
    """A key that was switched off is told at once."""
    yield EVERY, lambda at: listed("90", managed("bot"), managed("web"), at=at)
    yield EVERY, lambda at: listed("90", managed("bot", disabled=True), managed("web"), at=at)
    yield EVERY, lambda at: listed("90", managed("bot", disabled=True), managed("web"), at=at)
    yield EVERY, lambda at: listed("90", managed("bot"), managed("web"), at=at)


@told()
def a_key_that_was_disabled_before() -> Iterator[Step]:
    """A key that is switched off at the first look is neither told nor repeated."""
    for _ in range(3):
        yield DAY, lambda at: listed("90", managed("bot", disabled=True), managed("web"), at=at)


@told("low key:acme/bot bot", "critical key:acme/bot bot")
def two_keys_of_one_name() -> Iterator[Step]:
    """Keys of an account that have one name are told apart by their hashes."""

    def two(first: str, second: str) -> Find:
        one, other = managed("bot", first, hash="a" * 64), managed("bot", second, hash="b" * 64)
        return lambda at: listed("90", one, other, at=at)

    yield EVERY, two("40", "40")
    yield EVERY, two("9", "40")
    yield EVERY, two("9", "4")
    yield EVERY, two("9", "4")


@told(*["expiring key:bot bot"] * 3, "invalid key:bot bot")
def a_key_that_expires_in_forty_days() -> Iterator[Step]:
    """An end is told 30, 7 and 1 days before it, and when it has come."""
    for _ in range(40):
        yield DAY, alone("40", reset=None, expires_at=NOW + 40 * DAY)


@told("expiring key:bot bot")
def an_end_in_five_days() -> Iterator[Step]:
    """At the first look, one of the thresholds that have passed is told."""
    for _ in range(3):
        yield HOUR, alone("40", reset=None, expires_at=NOW + 5 * DAY)


@told()
def a_key_that_is_deleted() -> Iterator[Step]:
    """What a whole list no longer has is gone, without a word."""
    yield EVERY, lambda at: listed("90", managed("bot", "20"), managed("web"), at=at)
    for _ in range(6):
        yield EVERY, lambda at: listed("90", managed("web"), at=at)


# Budgets.


@told(f"low budget:acme/team {' '.join(TEN)}", f"recovered budget:acme/team {' '.join(TEN)}")
def a_budget_that_ten_keys_share() -> Iterator[Step]:
    """A budget is one subject, however many keys share it."""

    def sharing(left: str) -> Find:
        team = Budget(
            "workspace",
            limit_usd=Decimal(50),
            spend_usd=50 - Decimal(left),
            remaining_usd=Decimal(left),
            reset_interval="monthly",
            budget_id="team",
        )
        return lambda at: report("100", dict.fromkeys(TEN, allowance("40", budgets=(team,))), at=at)

    yield EVERY, sharing("50")
    yield EVERY, sharing("9")
    yield EVERY, sharing("8")
    yield first_of(2026, 11), sharing("50")


# Blindness.


@told("stale openrouter bot ci web", "fresh openrouter bot ci web")
def a_host_that_is_dead_for_an_hour() -> Iterator[Step]:
    """It is told once, and once when it is there again."""
    yield EVERY, wallet("30", keys=THREE)
    for _ in range(12):
        yield EVERY, dead
    yield EVERY, wallet("30", keys=THREE)
    yield EVERY, wallet("30", keys=THREE)


@told("stale openrouter bot ci web", "fresh openrouter bot ci web")
def a_host_that_answers_503_for_an_hour() -> Iterator[Step]:
    """A report that has read nothing is like a look that failed."""
    yield EVERY, wallet("30", keys=THREE)
    for _ in range(12):
        yield EVERY, lambda _: failed(DOWN, *THREE)
    yield EVERY, wallet("30", keys=THREE)


@told()
def a_host_that_is_dead_for_two_looks() -> Iterator[Step]:
    """Two failed looks are not yet blindness."""
    for _ in range(3):
        yield EVERY, wallet("30")
        yield EVERY, dead
        yield EVERY, lambda _: failed(DOWN, *BOTH)
    yield EVERY, wallet("30")


@told()
def a_laptop_asleep_for_eight_hours() -> Iterator[Step]:
    """Time without looks is not blindness."""
    yield EVERY, wallet("30")
    yield 8 * HOUR, wallet("28")
    yield EVERY, dead
    yield 8 * HOUR, dead
    yield EVERY, wallet("27")


@told("stale wallet:acme bot web", "fresh wallet:acme bot web")
def an_unread_wallet() -> Iterator[Step]:
    """A wallet that is not read, although its keys are, is told once; its keys say nothing."""
    yield EVERY, wallet("30")
    for _ in range(6):
        yield EVERY, wallet_unread()
    yield EVERY, wallet("30")


@told("stale key:acme/bot bot", "fresh key:acme/bot bot")
def an_unread_key() -> Iterator[Step]:
    """A key with a limit of its own that is not read is told once."""
    keys = {"bot": allowance("20"), "web": allowance()}
    yield EVERY, wallet("90", keys=keys)
    for _ in range(6):
        yield EVERY, wallet("90", keys={"bot": DOWN, "web": allowance()})
    yield EVERY, wallet("90", keys=keys)


@told("low wallet:acme bot web", "stale wallet:acme bot web", "fresh wallet:acme bot web")
def a_low_wallet_that_is_not_read() -> Iterator[Step]:
    """What is not read has not recovered, and is not told again."""
    yield EVERY, wallet("9")
    for _ in range(6):
        yield EVERY, wallet_unread()
    yield EVERY, wallet("9")


@told("stale wallet:acme bot web")
def a_wallet_that_is_forbidden_now() -> Iterator[Step]:
    """A wallet that was read once is not out of sight, whatever the reason is now."""
    yield EVERY, wallet("30")
    for _ in range(6):
        yield EVERY, lambda at: report(FORBIDDEN, {"bot": allowance("20"), "web": allowance("30")}, at=at)


# Refusals.


@told()
def a_key_that_is_refused_once_in_a_while() -> Iterator[Step]:
    """One 401 is not yet a verdict."""
    yield EVERY, wallet("30")
    for _ in range(3):
        yield EVERY, refused("bot", others=("web",))
        yield EVERY, wallet("30")


@told("invalid key:acme/bot bot", "recovered key:acme/bot bot")
def a_key_that_is_refused() -> Iterator[Step]:
    """The second 401 in a row is told, and one answer ends it."""
    yield EVERY, wallet("30")
    yield EVERY, refused("bot", others=("web",))
    yield MINUTE, refused("bot", others=("web",))
    yield EVERY, refused("bot", others=("web",))
    yield EVERY, wallet("30")


@told("invalid openrouter bot ci web", "recovered openrouter bot ci web")
def all_keys_refused_for_an_hour() -> Iterator[Step]:
    """All keys refused at once are one cause, and no blindness."""
    yield EVERY, wallet("30", keys=THREE)
    for _ in range(12):
        yield EVERY, lambda _: failed(UNAUTHORIZED, *THREE)
    yield EVERY, wallet("30", keys=THREE)
    yield EVERY, wallet("30", keys=THREE)


@told("invalid openrouter bot web", "recovered openrouter bot web")
def all_keys_refused_that_see_their_wallets() -> Iterator[Step]:
    """Keys that read their wallets themselves are refused everything: that is one cause, too."""

    def found(of: Any) -> Find:
        return lambda at: report(
            of or purse("30"), dict.fromkeys(BOTH, of or allowance()), account=None, at=at
        )

    yield EVERY, found(None)
    for _ in range(12):
        yield EVERY, found(UNAUTHORIZED)
    yield EVERY, found(None)


@told("invalid key:bot bot", "recovered key:bot bot")
def the_only_key_refused_for_an_hour() -> Iterator[Step]:
    """A wallet that is not read because its only key is refused is not a cause of its own."""

    def found(of: Any) -> Find:
        return lambda at: report(of or purse("30"), {"bot": of or allowance("20")}, account=None, at=at)

    yield EVERY, found(None)
    for _ in range(12):
        yield EVERY, found(UNAUTHORIZED)
    yield EVERY, found(None)


@told("invalid openrouter bot ci web", "invalid key:acme/web web", "recovered openrouter bot ci web")
def all_keys_refused_and_one_for_longer() -> Iterator[Step]:
    """Once some of them are read, one that is refused still is told by itself."""
    yield EVERY, wallet("30", keys=THREE)
    for _ in range(3):
        yield EVERY, refused(*THREE)
    for _ in range(3):
        yield EVERY, refused("web", others=("bot", "ci"))


@told("invalid openrouter bot ci web")
def all_keys_refused_from_the_start() -> Iterator[Step]:
    """Keys that never worked are told as well."""
    for _ in range(6):
        yield EVERY, lambda _: failed(UNAUTHORIZED, *THREE)


# Clocks.


@told(*["low wallet:acme bot web", "recovered wallet:acme bot web"] * 2)
def a_clock_set_back_to_the_very_minute() -> Iterator[Step]:
    """The same happens twice at one time of the wall clock: these are different events."""
    yield EVERY, wallet("9")
    yield EVERY, wallet("30", "121")
    yield -EVERY, wallet("9", "121")
    yield EVERY, wallet("30", "142")


@told("depleted wallet:acme bot web")
def a_clock_set_back_an_hour() -> Iterator[Step]:
    """An hour that comes twice repeats nothing."""
    yield EVERY, wallet("30")
    yield EVERY, wallet("-1")
    yield -HOUR, wallet("-1")
    for _ in range(30):
        yield EVERY, wallet("-1")


@told("stale openrouter bot web", "fresh openrouter bot web")
def a_clock_set_back_while_the_host_is_dead() -> Iterator[Step]:
    """Blindness is told although the clock runs back."""
    yield EVERY, wallet("30")
    yield EVERY, dead
    yield -HOUR, dead
    for _ in range(10):
        yield EVERY, dead
    yield EVERY, wallet("30")

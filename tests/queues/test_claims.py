"""Claims: who may send, told by origin, by state, and by who claimed last."""

import pytest

from fmn.model import Origin
from fmn.queues import keys
from fmn.queues.claims import Answer, Claims, Mark
from tests.factories import a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.faulty import Faulty
from tests.queues.road import DAY

KEY, FIRST, OTHER = a_recipient().keys[0], Origin("0/1-0"), Origin("1/9-0")


def claims_of(member: Member) -> Claims:
    """Return the claims of a process that remembers nothing yet."""
    return Claims(member.connection, member.life, lifetime=DAY)


async def answer(member: Member, origin: Origin = FIRST) -> Answer:
    return (await claims_of(member).claim([KEY], origin)).answers[0]


@pytest.mark.parametrize("mark", [None, *Mark])
async def test_another_origin_is_a_duplicate_whatever_became_of_the_first(
    join: Join, mark: Mark | None
) -> None:
    async with join("sender") as sender:
        claims = claims_of(sender)
        claim = await claims.claim([KEY], FIRST)
        if mark:
            await claims.mark(claim, mark)
        assert await answer(sender, OTHER) is Answer.DUPLICATE


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (Mark.SENT, Answer.SENT),
        (Mark.REFUSED, Answer.FREE),
        (Mark.DOUBT, Answer.DOUBT),
        (None, Answer.DOUBT),
    ],
)
async def test_its_own_origin_hears_what_became_of_the_last_attempt(
    join: Join, mark: Mark | None, expected: Answer
) -> None:
    async with join("sender") as sender:
        claims = claims_of(sender)
        claim = await claims.claim([KEY], FIRST)
        if mark:
            await claims.mark(claim, mark)
        assert await answer(sender) is expected


async def test_doubt_stays_until_it_is_sent_however_often_it_is_refused(join: Join) -> None:
    async with join("sender") as sender:
        await claims_of(sender).claim([KEY], FIRST)
        for _ in range(3):
            again = await claims_of(sender).claim([KEY], FIRST)
            assert again.answers == (Answer.DOUBT,)
            await claims_of(sender).mark(again, Mark.REFUSED)


@pytest.mark.parametrize("before", [False, True])
async def test_an_answer_that_is_asked_for_twice_is_the_same(join: Join, before: bool) -> None:
    async with join("sender") as sender:
        if before:
            await claims_of(sender).claim([KEY], FIRST)
        faulty = Faulty(sender.connection, "claim", "answer lost")
        claims = Claims(faulty, sender.life, lifetime=DAY)  # type: ignore[arg-type]
        expected = Answer.DOUBT if before else Answer.FREE
        assert (await claims.claim([KEY], FIRST)).answers == (expected,)


@pytest.mark.parametrize(
    ("says", "before"), [(Mark.REFUSED, Mark.SENT), (Mark.SENT, Mark.REFUSED), (Mark.SENT, None)]
)
async def test_what_went_out_went_out_whatever_the_robbed_and_the_robber_say(
    join: Join, says: Mark, before: Mark | None
) -> None:
    """The robbed one wakes, and says so behind the robber, or before."""
    async with join("sender") as sender:
        sleeper, robber = claims_of(sender), claims_of(sender)
        early = await sleeper.claim([KEY], FIRST)
        late = await robber.claim([KEY], FIRST)
        if before:
            await robber.mark(late, before)
        await sleeper.mark(early, says)
        if not before:
            await robber.mark(late, Mark.REFUSED)
        assert await answer(sender) is Answer.SENT


async def test_three_deaths_alone_in_hand_are_enough_and_deaths_in_company_do_not_count(
    join: Join,
) -> None:
    async with join("sender") as sender:
        for _ in range(5):
            await claims_of(sender).claim([KEY], FIRST)
        alone = [await claims_of(sender).claim([KEY], FIRST, alone=True) for _ in range(4)]
        assert [claim.answers[0] for claim in alone] == [*[Answer.DOUBT] * 3, Answer.DEADLY]


async def test_a_word_about_the_attempt_forgives_the_deaths(join: Join) -> None:
    async with join("sender") as sender:
        for _ in range(3):
            claim = await claims_of(sender).claim([KEY], FIRST, alone=True)
        await claims_of(sender).mark(claim, Mark.REFUSED)
        again = await claims_of(sender).claim([KEY], FIRST, alone=True)
        assert again.answers == (Answer.DOUBT,)


async def test_an_operator_who_insists_is_not_told_of_deaths(join: Join) -> None:
    async with join("sender") as sender:
        for _ in range(4):
            await claims_of(sender).claim([KEY], FIRST, alone=True)
        insisted = await claims_of(sender).claim([KEY], FIRST, alone=True, insist=True)
        assert insisted.answers == (Answer.DOUBT,)


async def test_what_a_process_sent_it_knows_though_redis_forgot(join: Join) -> None:
    async with join("sender") as sender:
        claims = claims_of(sender)
        claim = await claims.claim([KEY], FIRST)
        await claims.mark(claim, Mark.SENT)
        await sender.connection.do("DEL", keys.claim(KEY))
        assert (await claims.claim([KEY], FIRST)).answers == (Answer.SENT,)
        await sender.connection.do("DEL", keys.claim(KEY))
        assert await answer(sender) is Answer.FREE


async def test_what_is_older_than_a_fall_of_redis_is_in_doubt_where_no_claim_is_left(
    join: Join,
) -> None:
    async with join("sender") as sender:
        await sender.connection.do("SET", keys.WENT_BACK, 5000)
        await sender.life.look()
        claims = claims_of(sender)
        older = await claims.claim([a_recipient("m-1").keys[0]], Origin("0/4999-0"))
        younger = await claims.claim([a_recipient("m-2").keys[0]], Origin("0/5001-0"))
        letter = await claims.claim([a_recipient("m-3").keys[0]], Origin("0/fmn-own-test-1"))
    assert older.answers == (Answer.DOUBT,)
    assert younger.answers == letter.answers == (Answer.FREE,)

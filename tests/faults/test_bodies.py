"""A body that is cut, garbled, huge or not as documented is an error, never a partial or wrong value."""

from __future__ import annotations

import copy
import gzip
import pickle
import struct
import sys
import time
import zlib
from collections import ChainMap, Counter, OrderedDict, abc, defaultdict
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from openrouter_credits import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    InvalidResponseError,
    NotFoundError,
    PaymentRequiredError,
    ResponseTooLargeError,
    ServerError,
)
from tests.kit.values import KEY, sample
from tests.kit.wire import Behaviour, Connect, Serve, Step, chunk, drips, refusal, reply, sends

if TYPE_CHECKING:
    from ._sinks import Watch

BODY = sample("credits-spec").strip()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
ZIPPED = gzip.compress(BODY, mtime=0)
CORRUPT = ZIPPED[:15] + bytes([ZIPPED[15] ^ 0xFF, ZIPPED[16] ^ 0xFF]) + ZIPPED[17:]
WRONG_SUM = ZIPPED[:-8] + bytes(4) + ZIPPED[-4:]
DEFLATED = zlib.compress(BODY)


def length(data: bytes, *, of: int | None = None) -> bytes:
    """Join a Content-Length, by default the right one, and the data."""
    return b"Content-Length: %d\r\n\r\n" % (len(data) if of is None else of) + data


CUT: dict[str, Behaviour] = {
    "shorter than its length": sends(HEAD + length(BODY[:-5], of=len(BODY)), end="close"),
    "a whole value, announced longer": sends(HEAD + length(BODY, of=len(BODY) + 1), end="close"),
    "chunks without an end": sends(CHUNKED + b"\r\n" + chunk(BODY), end="close"),
    "gzip cut, with a length": sends(
        HEAD + b"Content-Encoding: gzip\r\n" + length(ZIPPED[:-12]), end="close"
    ),
    "gzip cut, until the connection closes": sends(
        HEAD + b"Connection: close\r\nContent-Encoding: gzip\r\n\r\n" + ZIPPED[:-12], end="close"
    ),
    "gzip corrupt": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(CORRUPT)),
    "gzip with a wrong checksum": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(WRONG_SUM)),
    "plain text announced as gzip": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(BODY)),
}


@pytest.mark.row(21)
@pytest.mark.parametrize("behaviour", CUT.values(), ids=CUT)
async def test_a_cut_body_is_never_a_value(
    behaviour: Behaviour, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A cut or corrupt body is an error after three tries; aiohttp takes some of them for a short 200."""
    server = await serve(behaviour)

    outcome = await fault(connect(server).credits())

    assert type(outcome.error) in (APIConnectionError, InvalidResponseError)
    assert server.hits == 3


@pytest.mark.row(21)
async def test_a_body_that_arrives_whole_the_third_time_is_a_value(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A body that is whole the third time becomes a value, whether it is plain, chunked or compressed."""
    whole = [
        reply(200, BODY),
        CHUNKED + b"\r\n" + b"".join(chunk(BODY[i : i + 7]) for i in range(0, len(BODY), 7)) + chunk(b""),
        HEAD + b"Content-Encoding: gzip\r\n" + length(ZIPPED),
        HEAD + b"Content-Encoding: deflate\r\n" + length(DEFLATED),
    ]

    for last in whole:
        server = await serve(*list(CUT.values())[:2], last)
        wallet = await fault.value(connect(server).credits())

        assert (str(wallet.remaining), server.hits) == ("74.75", 3)


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "behaviour",
    [
        sends(HEAD + b"Connection: close\r\n\r\n" + BODY[:-1], end="close"),
        reply(200, b""),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        reply(200, BODY.decode().encode("utf-16")),
        reply(
            200,
            b'{"data":{"total_credits":1,"total_usage":0,"owner":"Jos\xe9"}}',
            "Content-Type: application/json; charset=latin-1",
        ),
    ],
    ids=["cut by one", "empty", "204", "UTF-16", "announced latin-1"],
)
async def test_a_body_that_may_have_been_garbled_is_asked_for_again(
    behaviour: Step, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A 200 that is empty, cut or not UTF-8 is tried three times and is then an InvalidResponseError."""
    server = await serve(behaviour)

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert len(error.attempts) == server.hits == 3


@pytest.mark.row(23)
@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        "{}",
        '{"data":[]}',
        "<!doctype html><html><body>Welcome to the hotel's network</body></html>\n",
    ],
)
async def test_a_whole_body_of_another_shape_is_final(
    body: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Whole JSON of the wrong shape, or a whole HTML page, is an InvalidResponseError after one request."""
    server = await serve(reply(200, body))
    client = connect(server)

    for read in (client.credits, client.key):
        error = await fault.error(InvalidResponseError, read())
        assert not error.is_retryable

    assert server.hits == 2


@pytest.mark.row(24)
@pytest.mark.parametrize(("code", "kind", "hits"), [(401, AuthenticationError, 1), (500, ServerError, 3)])
async def test_an_error_inside_a_200_is_what_its_code_says(
    code: int, kind: type[APIStatusError], hits: int, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The `code` of an error inside a 200 decides class and retries; `.status` stays 200."""
    server = await serve(
        reply(
            200, {"error": {"code": code, "message": "Said"}, "data": {"total_credits": 1, "total_usage": 0}}
        )
    )

    error = await fault.error(kind, connect(server).credits())

    assert (error.status, error.code, server.hits) == (200, code, hits)


@pytest.mark.row(24)
@pytest.mark.parametrize("said", ["x", {"message": "no code"}])
async def test_an_error_inside_a_200_without_a_code_is_final(
    said: object, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An error without a code inside a 200 is an InvalidResponseError after one request."""
    server = await serve(reply(200, {"error": said, "data": {"total_credits": 1, "total_usage": 0}}))

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert not error.is_retryable
    assert server.hits == 1


@pytest.mark.row(27)
async def test_json_a_hundred_thousand_deep_is_final(serve: Serve, connect: Connect, fault: Watch) -> None:
    """JSON that is nested 100,000 deep is an InvalidResponseError after one request, not a RecursionError."""
    deep = b"[" * 100_000 + b"]" * 100_000
    server = await serve(reply(200, b'{"data":{"total_credits":1,"total_usage":0,"x":%s}}' % deep))

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert "deep" in str(error)
    assert server.hits == 1


@pytest.mark.row(27)
async def test_deep_metadata_of_a_refusal_is_cut(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Deeply nested metadata of a refusal are cut, so that the error can be printed, copied and pickled."""
    metadata = '{"a":' * 500 + "1" + "}" * 500
    server = await serve(reply(402, '{"error":{"code":402,"message":"Pay","metadata":' + metadata + "}}"))

    error = await fault.error(PaymentRequiredError, connect(server).credits())

    assert str(error.metadata).count("{") < 10
    assert server.hits == 1


def bomb(megabytes: int) -> bytes:
    """Compress so many megabytes of blanks to about a thousandth of their size: 200 MB to 200 KB."""
    block, checksum = b" " * (1 << 20), 0
    packer = zlib.compressobj(9, wbits=-15)
    # after a full flush the same bytes may come again
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return head + packed * megabytes + packer.flush() + struct.pack("<II", checksum, megabytes << 20)


@pytest.fixture(scope="module")
def oversized() -> dict[str, Behaviour]:
    """Make the bodies that no memory would hold."""
    assert gzip.decompress(bomb(2)) == b" " * (2 << 20)
    packed = bomb(200)
    assert len(packed) < 300_000
    return {
        "gzip bomb": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(packed)),
        "endless chunks": drips(CHUNKED + b"\r\n", chunk(b" " * 65536), every=0),
    }


@pytest.mark.row(30)
@pytest.mark.parametrize("kind", ["gzip bomb", "endless chunks"])
async def test_a_body_over_a_mebibyte_is_too_large(
    kind: str, oversized: dict[str, Behaviour], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A body of more than 1 MiB after decompression is a ResponseTooLargeError after one request."""
    server = await serve(oversized[kind])

    error = await fault.error(ResponseTooLargeError, connect(server).credits(), deadline=1.0)

    assert not error.is_retryable
    assert server.hits == 1


@pytest.mark.row(30)
async def test_a_refusal_with_an_endless_body_is_the_refusal(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """The status decides what a refusal is, although its body never ends: at most 64 KiB of it are read."""
    server = await serve(
        drips(CHUNKED.replace(b"200 OK", b"404 Not Found") + b"\r\n", chunk(b" " * 65536), every=0)
    )

    await fault.error(NotFoundError, connect(server).credits(), deadline=1.0)

    assert server.hits == 1


MEASURE = """
import asyncio
from openrouter_credits import CreditsClient, ResponseTooLargeError

def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

async def main():
    async with CreditsClient() as client:
        print(await client.credits())  # so that everything that is loaded only once is loaded
        before = memory("VmRSS")
        try:
            await client.credits()
        except ResponseTooLargeError:
            print("grown by", memory("VmHWM") - before, "KiB")

asyncio.run(main())
"""


@pytest.mark.row(30)
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("kind", ["gzip bomb", "endless chunks"])
async def test_a_body_without_end_costs_little_memory(
    kind: str, oversized: dict[str, Behaviour], serve: Serve, fault: Watch
) -> None:
    """The peak memory of a process grows by 8 MiB at most while it reads a body that is too large."""
    server = await serve(reply(200, BODY), oversized[kind])

    printed = await fault.child(MEASURE, key=KEY, url=server.url, options=("-W", "error"))

    grown = int(printed.split("grown by ")[1].split()[0])
    assert grown <= 8 * 1024
    assert server.hits == 2


@pytest.mark.row(21)
async def test_a_refusal_that_is_cut_keeps_its_status(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A 401 whose body is cut is an AuthenticationError without a message, after one request."""
    whole = refusal(401, "User not found.")
    server = await serve(sends(whole[:-3], end="close"))

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert (error.status, error.message) == (401, "")
    assert server.hits == 1


WIDE = {
    "objects": b'"budgets":[%s{}]' % (b"{}," * 340_000),
    "numbers": b'"budgets":[%s1]' % (b"1," * 500_000),
    "regions": b'"allowed_data_regions":[%s1]' % (b"1," * 500_000),
    "unknown": b'"more":[%s[]]' % (b"[]," * 340_000),
    "names": b",".join(b'"%d":1' % number for number in range(90_000)),
    "one name": b'%s"a":1' % (b'"a":1,' * 170_000),
    "few deep ones": b'"more":%s1%s' % (b'{"a":[' * 150_000, b"]}" * 1),
}
HEAVY = {
    "zeros": b'"more":"%s"' % (b"\\u0000" * 170_000),
    "digits": b'"more":1.%s' % (b"9" * 1_000_000),
    "whole digits": b'"more":%s' % (b"9" * 1_000_000),
    "blanks": b'"more":%s1' % (b" " * 1_000_000),
    "a name": b'"%s":1' % (b"a" * 1_000_000),
    "a text": b'"more":"%s"' % (b"sk-" * 330_000),
    "an error": b'"more":1},"error":{"code":401,"message":"%s"' % (b"sk-" * 330_000),
}
LIMIT = 1.0
"""Seconds of processor time: a hundred times what is measured, a tenth of what the worst of them took."""


def key_with(more: bytes) -> bytes:
    """Answer as `/key` does, with more in it."""
    return b'{"data":{"label":"k","usage":1,"limit":null,%s}}' % more


@pytest.mark.row(67)
@pytest.mark.parametrize("more", WIDE.values(), ids=WIDE)
async def test_a_body_of_too_many_elements_is_refused_before_it_is_parsed(
    more: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A body of 1 KB that unpacks to 1 MiB of elements is an InvalidResponseError at once, and final."""
    packed = gzip.compress(key_with(more))
    server = await serve(HEAD + b"Content-Encoding: gzip\r\n" + length(packed))

    began = time.process_time()
    error = await fault.error(InvalidResponseError, connect(server).key())
    taken = time.process_time() - began

    assert "over 4000 elements" in str(error)
    assert taken < LIMIT
    assert server.hits == 1


@pytest.mark.row(67)
@pytest.mark.parametrize("depth", [10, 21, 100, 900, 1900])
@pytest.mark.parametrize("inside", ["[%s]", '{"a":%s}', '[{"a":%s}]'])
async def test_what_is_made_of_a_body_can_be_copied(
    inside: str, depth: int, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A short body that is nested deeply is refused, and so nothing is too deep to be copied or pickled."""
    before, after = inside.split("%s")
    text = f'"x":{before * depth}1{after * depth}'
    server = await serve(reply(200, key_with(text.encode())))

    outcome = await fault(connect(server).key())

    assert server.hits == 1
    if outcome.value is None:
        assert isinstance(outcome.error, InvalidResponseError)
        assert depth > 10 or inside.startswith("[{")
    else:
        assert depth == 10
        assert copy.deepcopy(outcome.value) == pickle.loads(pickle.dumps(outcome.value)) == outcome.value
        assert attrs.asdict(outcome.value)["label"] == "k"


@pytest.mark.row(67)
@pytest.mark.parametrize(
    "into",
    [
        dict[str, str],
        abc.Mapping[str, str],
        defaultdict[str, str],
        OrderedDict[str, str],
        ChainMap[str, str],
        Counter[str],
    ],
)
async def test_a_mebibyte_of_wrong_values_is_left_at_the_first(
    into: Any, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An object of 70,000 wrong values is an error that names the first, whatever it is read into."""
    server = await serve(reply(200, b"{%s}" % b",".join(b'"%d":null' % number for number in range(70_000))))

    began = time.process_time()
    error = await fault.error(InvalidResponseError, connect(server).request("GET", "/x", into=into))
    taken = time.process_time() - began

    assert error.summary.count("$") == 1
    assert taken < LIMIT


@pytest.mark.row(67)
@pytest.mark.parametrize("more", HEAVY.values(), ids=HEAVY)
async def test_a_mebibyte_of_anything_is_decided_quickly(
    more: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A mebibyte of digits, blanks, escapes or one name is a value or an error of ours in little time."""
    server = await serve(reply(200, key_with(more)))

    began = time.process_time()
    await fault(connect(server).key())
    taken = time.process_time() - began

    assert taken < LIMIT
    assert server.hits == 1


@pytest.mark.row(67)
@pytest.mark.parametrize("more", [*WIDE.values(), *HEAVY.values()], ids=[*WIDE, *HEAVY])
async def test_the_body_of_a_refusal_costs_little(
    more: bytes, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A mebibyte as the metadata of a refusal is left aside; the status decides."""
    server = await serve(reply(402, b'{"error":{"code":402,"metadata":{%s}}}' % more))

    began = time.process_time()
    error = await fault.error(PaymentRequiredError, connect(server).credits())
    taken = time.process_time() - began

    assert taken < LIMIT
    assert dict(error.metadata) == {}
    assert server.hits == 1

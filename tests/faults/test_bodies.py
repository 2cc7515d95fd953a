"""Bodies that are cut, garbled, huge or something else than JSON: never a partial value, never a wrong one."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    InvalidResponseError,
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
    """Announce a length, and send what there is."""
    return b"Content-Length: %d\r\n\r\n" % (len(data) if of is None else of) + data


CUT: dict[str, Behaviour] = {
    "shorter than its length": sends(HEAD + length(BODY[:-5], of=len(BODY)), end="close"),
    "as long as a value, and announced longer": sends(HEAD + length(BODY, of=len(BODY) + 1), end="close"),
    "chunks without an end": sends(CHUNKED + b"\r\n" + chunk(BODY), end="close"),
    "chunks cut in one": sends(CHUNKED + b"\r\n" + chunk(BODY)[:-9], end="close"),
    "gzip cut, with a length": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(ZIPPED[:-12]), end="close"),
    "gzip without its sum, with a length": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(ZIPPED[:20])),
    "gzip cut, in chunks": sends(CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + chunk(ZIPPED[:-12]) + chunk(b"")),
    "gzip cut, until the connection closes": sends(
        HEAD + b"Connection: close\r\nContent-Encoding: gzip\r\n\r\n" + ZIPPED[:-12], end="close"
    ),
    "gzip corrupt": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(CORRUPT)),
    "gzip with a wrong sum": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(WRONG_SUM)),
    "gzip that is none": sends(HEAD + b"Content-Encoding: gzip\r\n" + length(BODY)),
    "deflate cut": sends(HEAD + b"Content-Encoding: deflate\r\n" + length(DEFLATED[:-10])),
}


@pytest.mark.row(21)
@pytest.mark.parametrize("behaviour", CUT.values(), ids=CUT)
async def test_a_cut_body_is_never_a_value(behaviour: Behaviour, serve: Serve, connect: Connect, fault: Watch) -> None:
    """A transfer that breaks is tried three times, and then is an error: aiohttp passes some of them off as a short 200."""
    server = await serve(behaviour)

    outcome = await fault(connect(server).credits())

    assert type(outcome.error) in (APIConnectionError, InvalidResponseError)
    assert server.hits == 3


@pytest.mark.row(21)
async def test_a_body_that_arrives_whole_the_third_time_is_a_value(serve: Serve, connect: Connect, fault: Watch) -> None:
    """What was cut twice and then is whole counts, plain, in chunks or compressed."""
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
        sends(HEAD + b"Connection: close\r\n\r\n" + BODY[:20], end="close"),
        reply(200, b""),
        reply(200, b" \r\n"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        reply(200, BODY.decode().encode("utf-16")),
        reply(200, BODY.decode().encode("utf-16"), "Content-Type: application/json; charset=utf-16"),
        reply(200, b'{"data":{"total_credits":1,"total_usage":0,"owner":"Jos\xe9"}}', "Content-Type: application/json; charset=latin-1"),
        reply(200, b"<html><head><title>One moment"),
    ],
    ids=["cut by one", "cut", "empty", "blank", "204", "UTF-16", "UTF-16, announced", "latin-1", "cut HTML"],
)
async def test_a_body_that_may_have_been_garbled_is_asked_for_again(behaviour: Step, serve: Serve, connect: Connect, fault: Watch) -> None:
    """What is empty, undecodable or no JSON may be right the next time; after three attempts it is an invalid response."""
    server = await serve(behaviour)

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert len(error.attempts) == server.hits == 3


@pytest.mark.row(23)
@pytest.mark.parametrize(
    "body",
    [
        *("null", "[]", "{}", "true", "5", '"data"', '{"data":null}', '{"data":[]}', '{"data":{}}', '{"data":"x"}'),
        '{"DATA":{"total_credits":1,"total_usage":0}}',
        "<!doctype html><html><body>Welcome to the hotel's network</body></html>\n",
        "<HTML></HTML>",
    ],
)
async def test_a_whole_body_of_another_shape_is_final(body: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Valid JSON that is not as documented, or a complete page of HTML, will be the same the next time."""
    server = await serve(reply(200, body))
    client = connect(server)

    first = await fault.error(InvalidResponseError, client.credits())
    second = await fault.error(InvalidResponseError, client.key())

    assert not first.is_retryable
    assert not second.is_retryable
    assert server.hits == 2


@pytest.mark.row(24)
@pytest.mark.parametrize(
    ("said", "kind", "code", "hits"),
    [
        ({"code": 401, "message": "User not found."}, AuthenticationError, 401, 1),
        ({"code": "401"}, AuthenticationError, 401, 1),
        ({"code": 500}, ServerError, 500, 3),
        ({"code": "503", "message": "Down"}, ServerError, 503, 3),
        ({"code": 418}, APIStatusError, 418, 1),
        ("x", InvalidResponseError, None, 1),
        ({"code": "x"}, InvalidResponseError, None, 1),
        ({"message": "no code"}, InvalidResponseError, None, 1),
        ({"code": None}, InvalidResponseError, None, 1),
        ({"code": True}, InvalidResponseError, None, 1),
        ({"code": 200}, InvalidResponseError, None, 1),
        ({"code": 399}, InvalidResponseError, None, 1),
        ({"code": 600}, InvalidResponseError, None, 1),
        ({"code": "٤٠١"}, InvalidResponseError, None, 1),
        ({"code": -401}, InvalidResponseError, None, 1),
        ({}, InvalidResponseError, None, 1),
        ([], InvalidResponseError, None, 1),
        (False, InvalidResponseError, None, 1),
    ],
)
async def test_an_error_inside_a_200_is_what_its_code_says(
    said: object,
    kind: type[APIStatusError | InvalidResponseError],
    code: int | None,
    hits: int,
    serve: Serve,
    connect: Connect,
    fault: Watch,
) -> None:
    """The body's `code` chooses class and retries, `.status` stays 200; without a code the answer is none, whatever else it holds."""
    server = await serve(reply(200, {"error": said, "data": {"total_credits": 1, "total_usage": 0}}))

    error = await fault.error(kind, connect(server).credits())

    assert server.hits == hits
    if isinstance(error, APIStatusError):
        assert (error.status, error.code) == (200, code)


@pytest.mark.row(24)
async def test_an_error_of_null_is_no_error(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Some servers send every field of an answer, always."""
    server = await serve(reply(200, {"error": None, **json.loads(BODY)}))

    wallet = await fault.value(connect(server).credits())

    assert (str(wallet.remaining), server.hits) == ("74.75", 1)


@pytest.mark.row(27)
@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"data":' * 100_000, b'{"data":{"total_credits":1,"total_usage":0,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"],
    ids=["lists", "objects", "inside"],
)
async def test_json_a_hundred_thousand_deep_is_final(body: bytes, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Nesting that no parser should follow is an invalid response, not a RecursionError."""
    server = await serve(reply(200, body))

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert "deep" in str(error)
    assert server.hits == 1


@pytest.mark.row(27)
async def test_deep_metadata_of_a_refusal_is_cut(serve: Serve, connect: Connect, fault: Watch) -> None:
    """An error that quotes nested metadata can be printed, copied and pickled."""
    metadata = '{"a":' * 500 + "1" + "}" * 500
    server = await serve(reply(402, '{"error":{"code":402,"message":"Pay","metadata":' + metadata + "}}"))

    outcome = await fault(connect(server).credits())

    assert type(outcome.error).__name__ == "PaymentRequiredError"
    assert server.hits == 1


def bomb(megabytes: int) -> bytes:
    """Compress megabytes of blanks to about a thousandth: 200 KB for 200 MB."""
    block, checksum = b" " * (1 << 20), 0
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)  # after a full flush the same bytes may come again
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return head + packed * megabytes + packer.flush() + struct.pack("<II", checksum, megabytes << 20)


@pytest.fixture(scope="module")
def answers_without_end() -> dict[str, Behaviour]:
    """Make the bodies that no memory would hold."""
    head = HEAD + b"Content-Encoding: gzip\r\n"
    assert gzip.decompress(bomb(2)) == b" " * (2 << 20)
    packed = bomb(200)
    assert len(packed) < 300_000
    return {
        "bomb": sends(head + length(packed)),
        "bomb in chunks": sends(
            CHUNKED + b"Content-Encoding: gzip\r\n\r\n", *(chunk(packed[i : i + 4096]) for i in range(0, len(packed), 4096))
        ),
        "endless chunks": drips(CHUNKED + b"\r\n", chunk(b" " * 65536), every=0),
        "endless": drips(HEAD + b"Connection: close\r\n\r\n", b" " * 65536, every=0),
        "just too large": sends(reply(200, BODY + b" " * (1 << 20))),
    }


@pytest.mark.row(30)
@pytest.mark.parametrize("kind", ["bomb", "bomb in chunks", "endless chunks", "endless", "just too large"])
async def test_a_body_over_a_mebibyte_is_too_large(
    kind: str, answers_without_end: dict[str, Behaviour], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A mebibyte after decompression is read, then the connection is closed; it is asked once."""
    server = await serve(answers_without_end[kind])

    error = await fault.error(ResponseTooLargeError, connect(server).credits(), deadline=1.0)

    assert not error.is_retryable
    assert server.hits == 1


@pytest.mark.row(30)
async def test_a_body_of_a_mebibyte_is_read(serve: Serve, connect: Connect, fault: Watch) -> None:
    """The limit itself is allowed."""
    server = await serve(reply(200, BODY + b" " * ((1 << 20) - len(BODY))))

    wallet = await fault.value(connect(server).credits())

    assert str(wallet.remaining) == "74.75"


@pytest.mark.row(30)
async def test_a_refusal_with_an_endless_body_is_the_refusal(
    answers_without_end: dict[str, Behaviour], serve: Serve, connect: Connect, fault: Watch
) -> None:
    """Of a refusal 64 KiB are read; its status decides."""
    server = await serve(
        drips(CHUNKED.replace(b"200 OK", b"404 Not Found") + b"\r\n", chunk(b" " * 65536), every=0),
    )

    outcome = await fault(connect(server).credits(), deadline=1.0)

    assert type(outcome.error).__name__ == "NotFoundError"
    assert server.hits == 1


MEASURE = """
import asyncio
from openrouter_credits import CreditsClient, ResponseTooLargeError

def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

async def main():
    async with CreditsClient() as client:
        print(await client.credits())  # whatever is loaded and made once, is now
        before = memory("VmRSS")
        try:
            await client.credits()
        except ResponseTooLargeError:
            print("grown by", memory("VmHWM") - before, "KiB")

asyncio.run(main())
"""


@pytest.mark.row(30)
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("kind", ["bomb", "endless chunks"])
async def test_a_body_without_end_costs_little_memory(
    kind: str, answers_without_end: dict[str, Behaviour], serve: Serve, fault: Watch
) -> None:
    """The peak of the process grows by 8 MiB at most, whatever the server sends."""
    server = await serve(reply(200, BODY), answers_without_end[kind])

    printed = await fault.child(MEASURE, key=KEY, url=server.url, options=("-W", "error"))

    grown = int(printed.split("grown by ")[1].split()[0])
    assert grown <= 8 * 1024
    assert server.hits == 2


@pytest.mark.row(21)
async def test_a_refusal_that_is_cut_keeps_its_status(serve: Serve, connect: Connect, fault: Watch) -> None:
    """What is left of a refusal's words is no reason to ask again for what the status has refused."""
    whole = refusal(401, "User not found.")
    server = await serve(sends(whole[:-3], end="close"))

    error = await fault.error(AuthenticationError, connect(server).credits())

    assert (error.status, error.message) == (401, "")
    assert server.hits == 1

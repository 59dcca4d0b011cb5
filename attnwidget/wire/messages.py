"""Builds replies, cuts large ones into chunks, and checks requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NotRequired, TypeAlias, cast, get_origin, get_type_hints

from attnwidget.errors import AttnWidgetError, ProtocolError
from attnwidget.wire.schema import (
    MAX_MESSAGE_BYTES,
    PROTOCOL,
    REQUESTS,
    Chunk,
    ErrorInfo,
    ReplyError,
    ReplyOk,
    Request,
)

Buffer: TypeAlias = bytes | memoryview


def error_info(error: BaseException) -> ErrorInfo:
    """Describe an exception for the front end; one that is not ours is named as the bug that it is."""
    if isinstance(error, AttnWidgetError):
        return {"code": error.code, "what": error.what, "todo": error.todo}
    text = str(error).strip().splitlines()
    return {
        "code": "internal",
        "what": f"{type(error).__name__}: {text[0][:300] if text else 'no message'}",
        "todo": "The kernel's log has the traceback; if the input is right, please report it.",
    }


def check_request(content: object) -> Request:
    """Return `content` as a request.

    Raises
    ------
    ProtocolError
        If it is malformed, of another version, or of an unknown kind.
    """
    if not isinstance(content, dict) or not isinstance(content.get("id"), str):
        raise ProtocolError("A message without an id arrived.", "Reload the page.")
    version = content.get("protocol")
    if version != PROTOCOL:
        raise ProtocolError(
            f"The page speaks protocol {version}, the kernel speaks {PROTOCOL}.",
            "Restart the kernel, run the cell again, and reload the page.",
        )
    if content.get("kind") not in REQUESTS:
        raise ProtocolError(f"Requests of kind {content.get('kind')!r} are unknown.", "Reload the page.")
    args = content.get("args")
    if not isinstance(args, dict):
        raise ProtocolError(f"The request {content['kind']!r} has no arguments.", "Reload the page.")
    if missing := sorted(required(REQUESTS[content["kind"]][0]) - set(args)):
        raise ProtocolError(
            f"The request {content['kind']!r} lacks {', '.join(missing)}.", "Reload the page."
        )
    return cast(
        Request,
        {
            "protocol": PROTOCOL,
            "id": content["id"],
            "kind": content["kind"],
            "record": str(content.get("record", "")),
            "args": args,
        },
    )


def required(declared: type) -> set[str]:
    """Return the names of the fields that a TypedDict of the schema must have."""
    hints = get_type_hints(declared, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}


def reply_ok(request_id: str, meta: Any) -> ReplyOk:
    """Answer a request."""
    return {"protocol": PROTOCOL, "id": request_id, "ok": True, "meta": meta}


def reply_error(request_id: str, error: BaseException) -> ReplyError:
    """Say why a request has no answer."""
    return {"protocol": PROTOCOL, "id": request_id, "ok": False, "error": error_info(error)}


def messages(
    reply: ReplyOk, buffers: Sequence[Buffer], limit: int = MAX_MESSAGE_BYTES
) -> Iterator[tuple[ReplyOk | Chunk, list[Buffer]]]:
    """Yield the reply as it is sent: whole, or in chunks of at most `limit` bytes of buffers.

    Parameters
    ----------
    reply : ReplyOk
        The answer.
    buffers : sequence of bytes
        Its arrays.
    limit : int
        Largest sum of buffers in one message, in bytes.
    """
    lengths = [memoryview(buffer).nbytes for buffer in buffers]
    if sum(lengths) <= limit:
        yield reply, list(buffers)
        return
    joined = memoryview(b"".join(buffers))
    parts = -(-len(joined) // limit)
    for part in range(parts):
        chunk: Chunk = {"protocol": PROTOCOL, "id": reply["id"], "part": part, "parts": parts}
        if part == 0:
            chunk["reply"], chunk["lengths"] = reply, lengths
        yield chunk, [joined[part * limit : (part + 1) * limit]]

"""Errors as HTTP statuses and messages for clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from metier.answer import Answer
from metier.errors import (
    BudgetExceeded,
    ContextOverflow,
    CouncilInUse,
    DeadlineExceeded,
    ExpertFailed,
    InvalidInput,
    Locked,
    MetierError,
    ModelError,
    ModelMissing,
    ModelServerBusy,
    ModelServerError,
    UnknownExpert,
)

RETRY_AFTER_S = 2
_LONGEST_CHARS = 2000
# An absolute path, on POSIX or Windows; not the rest of a URL.
_PATH = re.compile(r"""(?<![^\s'"(=,])(?:[A-Za-z]:\\|~?/|\\\\)[^\s'"(),]++""")
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
}
# The first kind that fits an error.
_STATUS: tuple[tuple[type[MetierError], int], ...] = (
    (ContextOverflow, 400),
    (InvalidInput, 400),
    (UnknownExpert, 404),
    (ModelServerBusy, 503),
    (ModelMissing, 503),
    (CouncilInUse, 503),
    (Locked, 503),
    (ModelServerError, 502),
    (ModelError, 502),
    (DeadlineExceeded, 504),
    (BudgetExceeded, 500),
    (ExpertFailed, 500),
)
_CODES: dict[type[MetierError], str] = {ContextOverflow: "context_length_exceeded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A refusal or an error.

    Attributes:
        code: a stable name for programs.
        param: the field of the request that is wrong.
        retry: whether a client should try again by itself.
    """

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    retry: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Tell clients when to retry, or not to: OpenAI's retry every 5xx by themselves."""
        if self.retry:
            return {"retry-after": str(RETRY_AFTER_S)}
        return {"x-should-retry": "false"}


class Refused(MetierError):
    """A request that the server does not answer, with the failure to send."""

    code = "refused"

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def refused(
    message: str, *, status: int = 400, code: str | None = None, param: str | None = None
) -> Refused:
    """A refusal to raise."""
    return Refused(Failure(status=status, message=message, code=code, param=param))


def failure_of(error: MetierError) -> Failure:
    """The failure that a client sees: no paths, and no details of internal errors."""
    if isinstance(error, Refused):
        return error.failure
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return Failure(
                status=status,
                message=public(str(error)),
                code=_CODES.get(kind, error.code),
                retry=isinstance(error, ModelServerBusy),
            )
    return Failure(status=500, message="the council cannot answer; see its log", code=error.code)


def public(text: str) -> str:
    """A message without paths, and not too long.

    >>> public("cannot read /home/ann/cards/x.toml: no such file")
    'cannot read (a path) no such file'
    """
    return _PATH.sub("(a path)", text[:_LONGEST_CHARS])


def public_reason(code: str, reason: str) -> str:
    """Why a step failed, as a client may see it."""
    return public(reason) if code in _public_codes() else code


def public_answer(answer: Answer) -> Answer:
    """An answer whose reasons are those that a client may see."""
    missing = tuple(
        each.model_copy(update={"reason": public_reason(each.code, each.reason)})
        for each in answer.missing
    )
    return answer.model_copy(update={"missing": missing})


def openai_error(failure: Failure) -> dict[str, object]:
    """The error object of OpenAI."""
    return {
        "error": {
            "message": failure.message,
            "type": _TYPES.get(failure.status, "api_error"),
            "param": failure.param,
            "code": failure.code,
        }
    }


def ollama_error(failure: Failure) -> dict[str, object]:
    """The error object of Ollama."""
    return {"error": failure.message}


def page_error(failure: Failure) -> dict[str, object]:
    """The error object of metier's own endpoints."""
    return {"error": {"code": failure.code or "failed", "message": failure.message}}


def _public_codes() -> set[str]:
    """The codes of the errors whose messages may leave the program."""
    return {each.code for kind, _ in _STATUS for each in (kind, *_kinds(kind))}


def _kinds(root: type[MetierError]) -> Iterator[type[MetierError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _kinds(kind)

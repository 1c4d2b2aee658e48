"""`/api/chat` and `/api/generate`: the requests, and replies in one object or line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from metier.experts.expert import delimited
from metier.models.control import without_surrogates
from metier.plan import Message
from metier.serving.failures import Failure, ollama_error, refused
from metier.serving.formatted import ANY_OBJECT, checked_schema
from metier.serving.forms import NDJSON, Framing, Wire
from metier.serving.names import Served
from metier.serving.openai.chat import outcome, stops
from metier.serving.pieces import End, Piece, Thought, Words
from metier.serving.questions import Question, Seed, conversation
from metier.serving.reading import Body, NullableText

_NS = 1_000_000_000


class Options(Body):
    """The options that a council can keep."""

    stop: str | list[str] | None = None
    num_predict: int | None = None
    seed: Seed | None = None


class Request(Body):
    """What both requests share."""

    model: str = Field(min_length=1)
    # Ollama streams by default.
    stream: bool | None = True
    think: bool | str | None = None
    format: Literal["", "json"] | dict[str, object] | None = None
    keep_alive: str | float | None = None
    options: Options | None = None

    def asked(self, model: Served, turns: Sequence[Message]) -> Question:
        """The question to the council.

        Raises:
            Refused: something is asked for that cannot be kept.
        """
        # An empty text means "no format" there.
        wanted = ANY_OBJECT if self.format == "json" else self.format or None
        options = self.options or Options()
        # -1 and -2 mean "no limit" there.
        limited = options.num_predict is not None and options.num_predict > 0
        return Question(
            model=model,
            messages=conversation(turns),
            stop=stops(options.stop),
            max_tokens=options.num_predict if limited else None,
            schema=checked_schema(model, wanted, param="format"),
            seed=options.seed,
        )


class Turn(Body):
    """A message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: NullableText = ""
    images: list[str] | None = None

    def message(self) -> Message:
        """The message as a council reads it; results of tools are data, between tags.

        Raises:
            Refused: it holds an image.
        """
        refuse_images(self.images)
        text = without_surrogates(self.content)
        if self.role == "tool":
            return Message(role="user", content=delimited("result", text))
        return Message(role=self.role, content=text)


class ChatBody(Request):
    """A conversation; without messages, the model is only to be loaded."""

    messages: tuple[Turn, ...] | None = ()

    def question(self, model: Served) -> Question:
        """The question to the council.

        Raises:
            Refused: there is no question, or something that cannot be kept.
        """
        return self.asked(model, [turn.message() for turn in self.messages or ()])


class GenerateBody(Request):
    """A prompt; without one, the model is only to be loaded."""

    prompt: NullableText = ""
    system: str | None = None
    suffix: str | None = None
    images: list[str] | None = None

    def question(self, model: Served) -> Question:
        """The question to the council.

        Raises:
            Refused: there is no question, or something that cannot be kept.
        """
        refuse_images(self.images)
        if self.suffix:
            raise refused(f"{self.model[:200]!r} does not support insert")
        system = without_surrogates(self.system or "")
        turns = [Message(role="system", content=system)] if system.strip() else []
        turns.append(Message(role="user", content=without_surrogates(self.prompt)))
        return self.asked(model, turns)


def refuse_images(images: Sequence[str] | None) -> None:
    """Refuse images.

    Raises:
        Refused: there are some.
    """
    if images:
        raise refused("images cannot be read: metier reads text", param="images")


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaForm:
    """Writes replies of Ollama.

    Attributes:
        created: the time, in RFC 3339's format.
        key: `message` in a chat, `response` for a prompt.
        thinking: whether progress is shown.
    """

    created: str
    model: str
    key: Literal["message", "response"] = "message"
    thinking: bool = True

    @property
    def framing(self) -> Framing:
        """A JSON object a line."""
        return NDJSON

    def opening(self) -> Sequence[Wire]:
        """Send nothing: the first line is the first piece."""
        return []

    def chunks(self, piece: Piece) -> Sequence[Wire]:
        """The line of a piece."""
        match piece:
            case Words():
                return [self._line(piece.text)]
            case Thought():
                return [self._line("", piece.text)] if self.thinking else []
            case End():
                return [self._line("") | self._done(piece)]

    def closing(self) -> bytes:
        """Send nothing: the last line says that it is the last."""
        return b""

    def whole(self, pieces: Sequence[Piece]) -> Wire:
        """The last line, with all the words."""
        end = pieces[-1]
        assert isinstance(end, End)
        words = "".join(piece.text for piece in pieces if isinstance(piece, Words))
        thoughts = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
        return self._line(words, thoughts if self.thinking else "") | self._done(end)

    def loaded(self, *, unload: bool) -> Wire:
        """The reply to a request that only loads or unloads."""
        reason = "unload" if unload else "load"
        return self._line("") | {"done": True, "done_reason": reason}

    def error(self, failure: Failure) -> Wire:
        """The error object."""
        return ollama_error(failure)

    def _line(self, text: str, thinking: str = "") -> dict[str, object]:
        thought = {"thinking": thinking} if thinking else {}
        if self.key == "message":
            said: Wire = {"message": {"role": "assistant", "content": text, **thought}}
        else:
            said = {"response": text, **thought}
        return {"model": self.model, "created_at": self.created, **said, "done": False}

    def _done(self, end: End) -> dict[str, object]:
        used = end.answer.usage
        return {
            "done": True,
            "done_reason": end.reason,
            "total_duration": int(used.total_s * _NS),
            "load_duration": int(used.load_s * _NS),
            "prompt_eval_count": used.prompt_tokens,
            "prompt_eval_duration": int(used.prompt_s * _NS),
            "eval_count": used.completion_tokens,
            "eval_duration": int(used.decode_s * _NS),
            "metier": outcome(end),
        }


def form(body: Request, key: Literal["message", "response"], *, created: str) -> OllamaForm:
    """The form of the reply that a request asks for; it names the model as the client did."""
    return OllamaForm(
        created=created,
        model=body.model,
        key=key,
        thinking=body.think is not False,
    )

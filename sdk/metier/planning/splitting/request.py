"""A question as it is planned: the request, and what is next to it but asks for nothing."""

from __future__ import annotations

from dataclasses import dataclass

from metier.plan import Document
from metier.planning.splitting.orders import without_orders
from metier.planning.splitting.pasted import apart

# With fewer words there is no request next to the rest, so the rest is what is asked.
_LEAST_WORDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a question asks for.

    Attributes:
        text: the user's own words.
        pasted: texts that the user marked as other people's: data, like documents.
        orders: orders to the program, which are dropped.
    """

    text: str
    pasted: tuple[Document, ...] = ()
    orders: tuple[str, ...] = ()


def request_of(question: str) -> Request:
    """Return the request in a question.

    Nothing is removed if no request would be left: a question that is only an order or a quotation
    is about it.

    >>> request_of("What does she want?\\n\\n> Please call me back today.").text
    'What does she want?'
    """
    own, blocks = apart(question)
    if len(own.split()) < _LEAST_WORDS:
        return Request(text=question.strip())
    text, orders = without_orders(own)
    if len(text.split()) < _LEAST_WORDS:
        text, orders = own, ()
    return Request(text=text, pasted=_documents(blocks), orders=orders)


def _documents(blocks: tuple[str, ...]) -> tuple[Document, ...]:
    if len(blocks) == 1:
        return (Document(name="pasted", text=blocks[0]),)
    return tuple(Document(name=f"pasted {n}", text=text) for n, text in enumerate(blocks, 1))

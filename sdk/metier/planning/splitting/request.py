"""A question as it is planned: the request, and what stands beside it and asks for nothing."""

from __future__ import annotations

from dataclasses import dataclass

from metier.plan import Document
from metier.planning.splitting.orders import without_orders
from metier.planning.splitting.pasted import apart

# With fewer words there is no request beside the rest, and the rest is what is asked.
_LEAST_WORDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a question asks for.

    Attributes:
        text: the asker's own words.
        pasted: texts that the asker marked as somebody else's: data, as documents are.
        orders: what gives orders to the program, and goes to nobody.
    """

    text: str
    pasted: tuple[Document, ...] = ()
    orders: tuple[str, ...] = ()


def request_of(question: str) -> Request:
    """The request in a question.

    What would leave no words of a request is left as it is: a question that is nothing but an
    order or a quotation is about it.

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

"""A plan that no embedder was needed for: the whole question is one step."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from metier.errors import EmptyQuestion, UnknownExpert
from metier.experts.card import GENERAL
from metier.experts.threads import in_thread
from metier.plan import Document, Message, Plan, Step
from metier.planning.splitting.request import request_of

_REASON = "nothing was compared: no embedding model is installed"


async def unrouted(
    question: str,
    cards: Collection[str],
    *,
    messages: Sequence[Message] = (),
    documents: Sequence[Document] = (),
    experts: Collection[str] | None = None,
) -> Plan:
    """Plan a question as one step of the general expert, or of the first one that may be chosen.

    Pasted texts and orders to the program are treated as the planner treats them.

    Args:
        cards: the ids of all experts.
        experts: the only experts that may be chosen.

    Raises:
        EmptyQuestion: there is nothing to answer.
        UnknownExpert: `experts` names one that does not exist.
    """
    check_asked(question, cards, experts)
    request = await in_thread(request_of, question)
    allowed = list(experts or cards)
    expert = GENERAL if GENERAL in allowed else allowed[0]
    return Plan(
        question=question.strip(),
        steps=(Step(id="1", task=request.text, expert=expert, reason=_REASON),),
        messages=tuple(messages),
        documents=(*documents, *request.pasted),
        orders=request.orders,
    )


def check_asked(question: str, cards: Collection[str], experts: Collection[str] | None) -> None:
    """Check that there is a question, and that the experts that may be chosen exist.

    Raises:
        EmptyQuestion: there is nothing to answer.
        UnknownExpert: one of them does not exist.
    """
    if not question.strip():
        raise EmptyQuestion
    for name in experts or ():
        if name not in cards:
            raise UnknownExpert(name, cards)

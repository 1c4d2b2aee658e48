"""A council in a web app: one answer as JSON, and the events as they happen.

`python examples/embed_in_fastapi.py` asks the app itself one question; to serve it:
`uvicorn --app-dir examples embed_in_fastapi:app`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from metier import Answer, Council, MetierError


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with Council.from_installed() as council:
        app.state.council = council
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/ask")
async def ask(q: str) -> Answer:
    try:
        return await app.state.council.ask(q)
    except MetierError as exc:
        status = 503 if exc.retryable else 400
        detail = {"code": exc.code, "message": exc.message, "hint": exc.hint}
        raise HTTPException(status, detail) from exc


@app.get("/events")
async def events(q: str) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        async for event in app.state.council.stream(q):
            yield f"data: {event.model_dump_json()}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


if __name__ == "__main__":
    from fastapi.testclient import TestClient

    with TestClient(app) as client:
        print(client.get("/ask", params={"q": "What is 6 * 7?"}).json()["text"])

"""Over HTTP: `metier serve`, asked by OpenAI's client, as any program that speaks its API would."""

import subprocess
import sys

from openai import OpenAI

COMMAND = [sys.executable, "-m", "metier", "serve", "--port", "0"]

with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as server:
    assert server.stderr is not None
    url = next(line for line in server.stderr if line.startswith("serving at ")).split()[-1]
    try:
        client = OpenAI(base_url=f"{url}/v1", api_key="not needed on this machine")
        print("models:", *(model.id for model in client.models.list()))
        stream = client.chat.completions.create(
            model="metier",
            messages=[{"role": "user", "content": "What is 15% of 80?"}],
            stream=True,
        )
        for chunk in stream:
            delta = chunk.choices[0].delta
            print(getattr(delta, "reasoning_content", None) or "", end="", file=sys.stderr)
            print(delta.content or "", end="", flush=True)
        print()
    finally:
        server.terminate()

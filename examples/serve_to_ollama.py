"""Over HTTP: `metier serve`, asked by Ollama's client, which takes it for an Ollama."""

import subprocess
import sys

from ollama import Client

COMMAND = [sys.executable, "-m", "metier", "serve", "--port", "0"]

with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as server:
    assert server.stderr is not None
    url = next(line for line in server.stderr if line.startswith("serving at ")).split()[-1]
    try:
        with Client(host=url) as client:
            print("models:", *(model.model for model in client.list().models))
            question = [{"role": "user", "content": "What is 15% of 80?"}]
            # An expert is a model, too: it answers with no planning.
            for part in client.chat("math", question, stream=True):
                print(part.message.thinking or "", end="", file=sys.stderr)
                print(part.message.content or "", end="", flush=True)
        print()
    finally:
        server.terminate()

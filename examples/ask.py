"""Ask one question and see who answered it.

Run it with a server that has the models: `metier models pull`, then `python examples/ask.py`.
"""

import sys

from metier import Council

question = " ".join(sys.argv[1:]) or "What is 15% of 80?"

with Council.from_installed() as council:
    answer = council.ask_sync(question)

print(answer.text)
print()
for part in answer.parts:
    print(f"{part.expert} on {', '.join(part.models) or 'no model'}: {part.task}")
print(f"{answer.usage.calls} calls, {answer.usage.total_s:.1f} s in models")

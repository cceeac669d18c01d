"""Log records wait in a buffer until there are four hundred, then all are written."""

import logging

ABOUT = "a buffer that is flushed"
LABELS = {"not": ["LogRecord:LogRecord", "dict:dict", "str:str", "float:float", "tuple:tuple"]}
buffer = []


def step(i, kit):
    for number in range(round(kit.random.randint(60, 160) * kit.load(i))):
        buffer.append(logging.LogRecord("web", 20, "/srv/app.py", 1000 + number, kit.text(20), (number,), None))
        if len(buffer) >= 400:
            buffer.clear()

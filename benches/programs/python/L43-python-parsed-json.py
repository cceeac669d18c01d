"""An audit log keeps what it parsed: literals only."""

import json

ABOUT = "parsed JSON kept for ever"
LABELS = {"leak": ["dict:dict"], "also": ["list:list", "str:str", "float:float", "int:int"]}
log = []


def step(i, kit):
    for _ in range(kit.leaked(i, 60)):
        by = f'{{"name":"{kit.text(9)}","roles":["{kit.text(5)}"]}}'
        log.append(json.loads(f'{{"id":{len(log)},"by":{by},"took":{kit.random.random()}}}'))

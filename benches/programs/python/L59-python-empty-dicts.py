"""Every roll-up leaves the metadata of its instances behind, which is mostly empty."""

ABOUT = "empty dicts kept"
LABELS = {"leak": ["dict:dict (empty)"], "also": ["dict:dict", "list:list", "str:str"]}
rolled_up = []


def step(i, kit):
    for _ in range(kit.leaked(i, 150)):
        rolled_up.append({kit.text(6): kit.text(6)} if kit.random.random() < 0.05 else {})

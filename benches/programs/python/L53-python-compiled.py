"""A query compiler caches its functions by their text, and every text has another constant in it."""

ABOUT = "a function compiled per request, cached"
LABELS = {
    "leak": ["function:function", "code:code"],
    "also": ["dict:dict", "tuple:tuple", "str:str", "bytes:bytes", "float:float"],
}
compiled = {}


def step(i, kit):
    for _ in range(kit.leaked(i, 30)):
        text = f"def matches(row):\n    return row['price'] > {kit.random.random()} and row['name'] != 'x'\n"
        if text not in compiled:
            names = {}
            exec(compile(text, "<query>", "exec"), names)
            compiled[text] = names["matches"]
        compiled[text]({"price": 1, "name": "y"})

"""A spool that is written to and never sent: one bytearray, an eighth larger whenever it is full."""

ABOUT = "one bytearray grows"
LABELS = {"leak": ["bytearray:bytearray"]}
spool = bytearray()


def step(i, kit):
    for _ in range(kit.leaked(i, 600)):
        spool.extend(kit.text(80).encode())

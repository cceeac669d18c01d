"""Every route imports what it needs when it is first asked for; some are asked for rarely."""

import importlib

ABOUT = "modules imported on demand"
LABELS = {"not": ["module:module", "function:function", "code:code", "type:type", "dict:dict", "str:str", "tuple:tuple"]}
ROUTES = (
    "argparse asyncio bisect calendar cmd code configparser csv ctypes difflib doctest email.message fractions ftplib getpass graphlib"
    " html.parser http.client imaplib ipaddress mailbox mimetypes netrc optparse pdb plistlib pprint sched secrets shelve smtplib"
    " sqlite3 statistics tarfile telnetlib tomllib unittest.mock urllib.request uuid wave xml.dom.minidom xmlrpc.client zipapp"
).split()


def step(i, kit):
    for _ in range(round(5 * kit.load(i))):
        importlib.import_module(kit.random.choice(ROUTES))

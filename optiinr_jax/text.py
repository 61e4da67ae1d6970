"""Text that may be shown: names without control characters, addresses without passwords.

Names of files, studies and hosts come from strangers, and a terminal obeys what it is sent. Every
line for people goes through `printable`, every address in a sentence through `without_passwords`.
"""

import re
from unicodedata import category

# The user, then the password up to the last @ of the word, or to the first one; a port is none.
_PASSWORD = re.compile(
    r"(://[^\s:/\[]*:)(?!\d+(?:[/?][^@\s]*)?(?:[\s'\"]|$))(?:\S*@|[^@]*@(?:[^\s@]*@)*)"
)
_OPTION = re.compile(r"(?i)([?&](?:ssl)?password=)[^&\s'\"]*")
_UNDECODED = range(0xDC80, 0xDD00)  # how Python holds a byte of a name that is not UTF-8


def printable(text: str) -> str:
    r"""The same text in one line, with an escape for each character that is no letter, sign, space.

    >>> printable("a\x1b[2Jb\n"), printable("caf\udce9"), printable("写真.png")
    ('a\\x1b[2Jb\\x0a', 'caf\\xe9', '写真.png')
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable() or category(character) == "Zs":
        return character
    code = ord(character)
    code = code & 0xFF if code in _UNDECODED else code
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def is_utf8(text: str) -> bool:
    """Whether a database or a page can hold it; a name in an older encoding is not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def without_passwords(text: str) -> str:
    """The same text with *** for the password of every address in it.

    >>> without_passwords("--storage postgresql://me:secret@host/db")
    '--storage postgresql://me:***@host/db'
    """
    return _OPTION.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))

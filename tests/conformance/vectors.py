"""The vector files of this folder: reading them, and comparing an answer with what a vector expects."""

import json
import os
from dataclasses import asdict

import ordo_wire as wire

FOLDER = os.path.dirname(os.path.abspath(__file__))
ANY = "*"


class Mismatch(Exception):
    """An answer is not the expected one."""


def load(name):
    with open(os.path.join(FOLDER, name + ".json"), encoding="utf-8") as stream:
        return json.load(stream)


def items(vectors):
    """A list with its repetitions written out."""
    for one in vectors:
        if isinstance(one, dict) and "repeat" in one:
            yield from [one["of"]] * one["repeat"]
        else:
            yield one


def value(text, kept=None):
    """JSON to what msgpack takes: {"hex"} is a bin, {"int"} an integer that is too long for JSON, {"kept"} an earlier value."""
    if isinstance(text, list):
        return [value(one, kept) for one in items(text)]
    if not isinstance(text, dict):
        return text
    if "hex" in text:
        return bytes.fromhex(text["hex"])
    if "int" in text:
        return int(text["int"])
    if "kept" in text:
        return kept[text["kept"]] + text.get("plus", 0)
    return {name: value(one, kept) for name, one in text.items()}


def frame(text):
    """A frame: hex, or a list of hex and repetitions of it."""
    parts = text if isinstance(text, list) else [text]
    return b"".join(map(bytes.fromhex, items(parts)))


def command(text, kept=None, shop=0):
    return wire.Command(text["kind"], value(text.get("fields", {}), kept), text.get("shop", shop),
                        value(text["id"]) if "id" in text else None)


def commands(texts, kept=None, shop=0):
    return [command(one, kept, shop) for one in items(texts)]


def match(wanted, got, kept, where):
    """`wanted` as JSON: "*" is anything, {"keep"} remembers. A list of lists is compared whole, another may go on."""
    if wanted == ANY:
        return
    if isinstance(wanted, dict) and "keep" in wanted:
        kept[wanted["keep"]] = got
        return
    if isinstance(wanted, list):
        is_whole = _is_list_of_rows(wanted)
        if not isinstance(got, list) or len(got) < len(wanted) or (is_whole and len(got) > len(wanted)):
            raise Mismatch(f"{where}: {got}, wanted {wanted}")
        for index, one in enumerate(wanted):
            match(one, got[index], kept, f"{where}[{index}]")
        return
    if value(wanted, kept) != got:
        raise Mismatch(f"{where}: {got}, wanted {value(wanted, kept)}")


def _is_list_of_rows(wanted):
    """A list of rows, unlike a row, may not be longer than wanted; an empty one is such a list."""
    return all(isinstance(one, list) for one in wanted)


def plain(thing, names):
    """The named attributes of a decoded thing."""
    return {name: getattr(thing, name) for name in names}


def update_dict(update):
    """An Update under the names of the page."""
    found = asdict(update)
    found["from"] = found.pop("from_state")
    found["to"] = found.pop("to_state")
    return found


def update_of(text):
    fields = value(text)
    fields["from_state"] = fields.pop("from")
    fields["to_state"] = fields.pop("to")
    return wire.Update(**fields)

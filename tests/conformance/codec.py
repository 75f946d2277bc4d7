"""The vectors through the codec of the Python client, and the client's tables against the page."""

import os
import re

import ordo_wire as wire
import vectors
from rig import check

PAGE = os.path.join(vectors.FOLDER, "..", "..", "net", "README.md")
REQUESTS_MIN, REPLIES_MIN, FRAMES_MIN, REFUSALS_MIN = 150, 25, 9, 125  # a file that shrinks is a mistake


def page():
    with open(PAGE, encoding="utf-8") as stream:
        return stream.read()


def page_rows(text, header):
    """The rows of the page's table under this header line, cell by cell."""
    lines = iter(text.split("\n"))
    for line in lines:
        if line == header:
            break
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def kinds_of_page():
    rows = list(page_rows(page(), "| kind | name | fields |"))
    check(rows, "the page has no table of kinds")
    return rows


def same_kinds():
    """A kind or field that the page has and the client has not fails here, and the other way round."""
    for number, name, fields in kinds_of_page():
        ours = wire.KINDS.get(name)
        check(ours is not None, f"the client does not know kind {name}")
        check(ours.number == int(number), f"{name} is {number} on the page, {ours.number} in the client")
        theirs = [part.split() for part in re.split("[,/]", fields) if part.strip()]
        mine = [[one.name, one.type, *([str(one.max)] if one.max else []), *(["x", str(one.each)] if one.each else [])]
                for one in ours.fields]
        check(mine == theirs, f"{name}: {mine} in the client, {theirs} on the page")
    check(len(kinds_of_page()) == len(wire.KINDS), "the client knows kinds that the page does not have")


def numbers(cell):
    found = []
    for part in re.findall(r"(\d+)(?: to (\d+))?", cell):
        found += range(int(part[0]), int(part[1] or part[0]) + 1)
    return [number for number in found if number in wire.KIND_BY_NUMBER]


def same_roles():
    everybody = [number for number in wire.KIND_BY_NUMBER if number not in (9, 10, 11)]
    rows = dict(list(page_rows(page(), "| role | kinds |")))
    wanted = {one["role"]: one["kinds"] for one in vectors.load("refusals")["roles"]}
    check(set(rows) == set(wanted), f"roles {sorted(rows)} on the page, {sorted(wanted)} in the vectors")
    for role, cell in rows.items():
        said = numbers(cell)
        if cell.startswith("those of client"):
            said = sorted(set(wanted["client"] + said))
        if cell.startswith("all"):
            said = [number for number in everybody if number not in said]
        check(said == wanted[role], f"role {role}: {said} on the page, {wanted[role]} in the vectors")


def all_requests():
    return vectors.load("requests")["requests"] + vectors.load("limits")["requests"]


def encodes_requests():
    seen = set()
    for one in all_requests():
        commands = vectors.commands(one["commands"])
        made = wire.encode_request(vectors.value(one["request_id"]), commands)
        if one.get("canonical", True):
            check(made == vectors.frame(one["frame"]), f"{one['name']}: {made.hex()}, wanted {one['frame']}")
            seen.update(command.kind for command in commands)
        else:
            check(made != vectors.frame(one["frame"]), f"{one['name']}: is the canonical form after all")
    missing = {name for _, name, _ in kinds_of_page()} - seen
    check(not missing, f"no vector has the kinds {', '.join(sorted(missing))}")
    check(len(all_requests()) >= REQUESTS_MIN, "vectors are missing")


REPLY = "request_id node durable_seq time_us code text retry_ms".split()
HEARTBEAT = "node update_seq hash durable_seq time_us".split()
RANGE = "node first last hash".split()


def decodes_replies():
    bodies = set()
    for one in vectors.load("replies")["replies"]:
        reply = wire.decode_reply(vectors.frame(one["frame"]))
        wanted = vectors.value(one["reply"])
        results = wanted.pop("results")
        check(vectors.plain(reply, REPLY) == wanted, f"{one['name']}: {reply}, wanted {wanted}")
        check(len(results) == len(reply.results), f"{one['name']}: {len(reply.results)} results")
        for got, want in zip(reply.results, results):
            check(vectors.plain(got, want) == want, f"{one['name']}: {got}, wanted {want}")
        bodies.add(one.get("kind"))
    missing = {name for number, name, _ in kinds_of_page() if int(number) >= 128} - bodies
    check(not missing, f"no vector has a body of {', '.join(sorted(missing))}")
    check(len(vectors.load("replies")["replies"]) >= REPLIES_MIN, "vectors are missing")


def decodes_stream():
    frames = vectors.load("stream")["frames"]
    check(len(frames) >= FRAMES_MIN, "vectors are missing")
    for one in frames:
        found = wire.decode_stream(vectors.frame(one["frame"]))
        if one.get("skip"):
            check(found is None, f"{one['name']}: {found}")
        elif "heartbeat" in one:
            check(vectors.plain(found, HEARTBEAT) == vectors.value(one["heartbeat"]), f"{one['name']}: {found}")
        else:
            wanted = vectors.value(one["updates"])
            updates = wanted.pop("updates")
            check(vectors.plain(found, RANGE) == wanted, f"{one['name']}: {found}, wanted {wanted}")
            got = [vectors.update_dict(update) for update in found.updates]
            check(got == updates, f"{one['name']}: {got}, wanted {updates}")


def refuses_frames():
    for name, decode in (("replies", wire.decode_reply), ("stream", wire.decode_stream)):
        for one in vectors.load(name)["refused"]:
            try:
                found = decode(vectors.frame(one["frame"]))
            except wire.WireError:
                continue
            check(False, f"{name}, {one['name']}: taken as {found}")


def rolls_hash():
    before = bytes(16)
    for one in vectors.load("stream")["hashes"]:
        update = vectors.update_of(one["update"])
        check(vectors.value(one["before"]) == before, "the hashes are no chain")
        check(update.canonical().hex() == one["canonical"], f"update {update.update_seq}: {update.canonical().hex()}")
        before = wire.roll_hash(before, update)
        check(before == vectors.value(one["after"]), f"update {update.update_seq}: hash {before.hex()}")


CASES = [
    ("the client has every kind and field of the page", same_kinds),
    ("the vectors have every role of the page", same_roles),
    ("requests are encoded to the byte, every kind", encodes_requests),
    ("replies are decoded, every body", decodes_replies),
    ("stream frames are decoded", decodes_stream),
    ("frames that are wrong are refused by the client", refuses_frames),
    ("the rolling hash", rolls_hash),
]

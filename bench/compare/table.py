"""From pairs to lines: what the table, the CSV files, the Markdown and the plots are made of."""

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass

from stats import NOT_RUN, median, median_bounds, noise, of_row, verdict


NOT_ASKED = "not asked for"  # a figure of no chosen row


@dataclass
class Line:
    """One check with what was measured."""
    number: int
    key: str
    title: str
    check: str
    direction: str
    target: float
    unit: str
    values: list  # one a pair
    again: list   # ratios of the A/A pairs
    verdict: str = NOT_RUN
    why: str = ""  # not run: why
    factor: float = None
    bounds: tuple = None  # least and most
    pairs: int = 0

    @property
    def value(self):
        return median(self.values) if self.values else None


def value_of(check, own, rival):
    """None also where a figure is 0 and cannot be divided by."""
    try:
        return check.value(own, rival)
    except (TypeError, ZeroDivisionError):
        return None


def make_line(number, row, check, pairs, absent, spreads):
    """One check over all pairs: a pair in which a figure is absent does not count. spreads: of figures that are medians
    already, (least, most, how many)."""
    values, again = [], []
    for pair in pairs:
        first = value_of(check, pair.own, pair.rival)
        second = value_of(check, pair.again, pair.rival)
        if first is not None:
            values.append(first)
            if second and first:
                again.append(second / first)
    line = Line(number, row.key, row.title, check.title, check.direction, check.target, check.unit, values, again)
    line.factor, line.pairs = noise(again), len(values)
    if values:
        inner = median_bounds(values)
        line.bounds = (min(values), max(values))
        if len(check.needs) == 1 and check.needs[0] in spreads:
            *inner, line.pairs = spreads[check.needs[0]]
            line.bounds = tuple(inner)
        line.verdict = verdict(line.value, check.direction, check.target, line.factor, inner)
    if not values:
        reasons = [absent[name] for name in check.needs if name in absent]
        line.why = reasons[0] if reasons else f"{', '.join(check.needs)}: nothing was measured"
    return line


def make_lines(numbered, groups):
    """numbered: (number, row); groups: key -> a finished group, or the reason why there is none."""
    lines = []
    for number, row in numbered:
        group = groups[row.group]
        pairs, absent, spreads = ([], {}, {}) if isinstance(group, str) else (group.pairs, group.absent, group.spreads)
        for check in row.checks:
            line = make_line(number, row, check, pairs, absent, spreads)
            if isinstance(group, str):
                line.why = group
            lines.append(line)
    return lines


def failures(lines, groups):
    """What failed in some pair without leaving a figure without any value: nobody should have to guess why pairs lack."""
    told = {line.why for line in lines} | {NOT_ASKED}
    return list(dict.fromkeys(f"failed: {why}" for group in groups for why in group.absent.values() if why not in told))


def row_verdicts(numbered, lines):
    return {number: of_row([line.verdict for line in lines if line.number == number], row.either)
            for number, row in numbered}


def number_text(value, unit):
    if value is None:
        return "-"
    if unit == "/s":
        return f"{value / 1e6:.2f} M" if abs(value) >= 1e6 else f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def asked_text(line):
    suffix = {"x": " x", "/s": "/s", "%": " %"}.get(line.unit, " " + line.unit)
    return f"{'≥' if line.direction == '>=' else '≤'} {number_text(line.target, line.unit)}{suffix}"


def cells(line, row_verdict):
    """Texts of one line of the table."""
    if line.value is None:
        measured, spread, factor = "-", "-", "-"
    else:
        measured = number_text(line.value, line.unit)
        spread = " - ".join(number_text(bound, line.unit) for bound in line.bounds)
        factor = "-" if line.factor is None else f"{line.factor:.2f}"
    result = line.verdict + (f": {line.why}" if line.why else "")
    return [str(line.number), line.title, line.check, asked_text(line), measured, spread, factor, str(line.pairs),
            result, row_verdict]


HEAD = ["row", "what", "figure", "asked", "measured", "least - most", "A/A", "pairs", "verdict", "row's verdict"]


def text_table(lines, verdicts):
    """For a terminal: a row's title once, its figures below it."""
    out, last = [], None
    widths = (62, 13, 10, 21, 6, 5)
    out.append("   ".ljust(4) + "".join(h.ljust(w) for h, w in zip(
        ("figure", "asked", "measured", "least - most", "A/A", "pairs"), widths)) + "  verdict")
    for line in lines:
        if line.number != last:
            out.append(f"{line.number:>2}  {line.title}: {verdicts[line.number].upper()}")
            last = line.number
        cell = cells(line, "")
        texts = "".join(c.ljust(w) for c, w in zip((cell[2], *cell[3:8]), widths))
        out.append("    " + texts + "  " + cell[8])
    return "\n".join(out)


def summary(verdicts):
    counts = {}
    for name in verdicts.values():
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def spread_cells(name, unit, values):
    scaled = "/s" if unit.endswith("/s") else unit
    return [name, unit, number_text(median(values), scaled), number_text(min(values), scaled),
            number_text(max(values), scaled), str(len(values))]


def text_beside(beside):
    out = [f"{'figure':<44}{'median':>12}{'least':>12}{'most':>12}{'n':>4}  unit"]
    for name, unit, values in beside:
        cell = spread_cells(name, unit, values)
        out.append(f"{cell[0]:<44}{cell[2]:>12}{cell[3]:>12}{cell[4]:>12}{cell[5]:>4}  {unit}")
    return "\n".join(out)


def markdown(lines, verdicts, beside, notes):
    def table(head, rows):
        escape = [[c.replace("|", "\\|") for c in row] for row in rows]
        return "\n".join(["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *escape]])

    rows, last = [], None
    for line in lines:
        first = line.number != last
        cell = cells(line, verdicts[line.number])
        rows.append([cell[0] if first else "", f"{cell[1]}: **{cell[9]}**" if first else "", *cell[2:9]])
        last = line.number
    parts = ["### Targets", table(HEAD[:9], rows), f"Rows: {summary(verdicts)}.", "### Measured beside",
             table(["figure", "unit", "median", "least", "most", "n"], [spread_cells(*b) for b in beside]),
             "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts) + "\n"


def write_csv(folder, lines, verdicts, beside, groups, fingerprint):
    """targets.csv, beside.csv, and pairs.csv with every single value."""
    def save(name, head, rows):
        with open(os.path.join(folder, name), "w", newline="", encoding="utf-8") as stream:
            stream.writelines(f"# {text}\n" for text in fingerprint)
            writer = csv.writer(stream)
            writer.writerow(head)
            writer.writerows(rows)

    save("targets.csv", ["row", "key", "what", "figure", "direction", "target", "unit", "median", "least", "most",
                         "noise_factor", "pairs", "verdict", "why", "row_verdict"],
         [[line.number, line.key, line.title, line.check, line.direction, line.target, line.unit,
           line.value, *(line.bounds or (None, None)), line.factor, line.pairs,
           line.verdict, line.why, verdicts[line.number]] for line in lines])
    save("beside.csv", ["figure", "unit", "median", "least", "most", "n"],
         [[name, unit, median(values), min(values), max(values), len(values)] for name, unit, values in beside])
    save("pairs.csv", ["group", "pair", "side", "figure", "value"],
         [[key, at, side, name, value] for key, group in groups.items() if not isinstance(group, str)
          for at, pair in enumerate(group.pairs) for side in ("own", "again", "rival")
          for name, value in getattr(pair, side).items()])


PLOT = """set terminal svg size 1100,{height} font 'sans,12' background 'white'
set output '{out}'
set title '{title}'
set datafile separator '\\t'
set logscale x
set format x '%g'
set xlabel '{label}'
set yrange [{count}:-1]
set grid x
set key off
set lmargin 56
set style fill solid 0.6
"""
ONE = "set arrow from 1,graph 0 to 1,graph 1 nohead lw 2 lc rgb '#b03030'\n"
BARS = "plot '{data}' using 2:0:3:4:ytic(1) with xerrorbars pt 7 ps 1.2 lw 2 lc rgb '#2060a0'\n"


def plot(folder, name, title, label, points, extra=""):
    """points: (text, value, least, most), all above 0; one SVG by gnuplot."""
    points = [point for point in points if min(point[1:]) > 0]
    if not points:
        return "nothing to plot"
    if shutil.which("gnuplot") is None:
        return "gnuplot is missing: tools/setup --compare"
    data, out = os.path.join(folder, name + ".dat"), os.path.join(folder, name + ".svg")
    with open(data, "w", encoding="utf-8") as stream:
        stream.writelines("\t".join([text.replace("\t", " "), *(f"{n:.6g}" for n in numbers)]) + "\n"
                          for text, *numbers in points)
    script = PLOT.format(height=90 + 24 * len(points), out=out, title=title, label=label, count=len(points))
    done = subprocess.run(["gnuplot"], input=script + extra + BARS.format(data=data), text=True, capture_output=True,
                          check=False)
    os.unlink(data)
    return None if done.returncode == 0 else "gnuplot: " + done.stderr.strip().splitlines()[-1]


def plot_targets(folder, lines):
    """How far over or under its target each figure is: right of 1 is good."""
    def score(line, value):
        return value / line.target if line.direction == ">=" else line.target / value
    points = [(f"{line.number} {line.key}: {line.check}"[:64], score(line, line.value),
               *sorted(score(line, bound) for bound in line.bounds))
              for line in lines if line.value is not None and line.bounds[0] > 0]
    return plot(folder, "targets", "Measured against asked",
                "measured / asked, or asked / measured where less is better: right of 1 is better than asked", points, ONE)


def plot_rivals(folder, beside):
    points = [(name, median(values), min(values), max(values)) for name, unit, values in beside
              if unit == "lifecycles/s"]
    return plot(folder, "rivals", "Lifecycles through each, step by step",
                "lifecycles/s; everysec may lose a second, all others are durable", points)

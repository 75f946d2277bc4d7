"""The table's arithmetic: medians of pairs, their spread, and when a difference is one. Knows no benchmark.

A pair is one measurement of ours and one of what it is held against, taken next to each other; its ratio is one value.
An A/A pair is two measurements of ours around the same rival: what its ratios show is noise.
"""

MET, MISSED, WITHIN_NOISE, NOT_RUN = "met", "missed", "within noise", "not run"
SEVERITY = [MET, WITHIN_NOISE, NOT_RUN, MISSED]  # what a row of several checks is called: the last of these it has


def median(values):
    """Of a list that is not empty."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def best_of_turns(shapes, measure, turns=3):
    """(the shape with the greatest median, shape -> median): all of them in turn, since a single look at each chooses
    luck, and a rival that is not at its best flatters us."""
    values = {shape: [] for shape in shapes}
    for _ in range(turns):
        for shape in shapes:
            values[shape].append(measure(shape))
    medians = {shape: median(seen) for shape, seen in values.items()}
    return max(medians, key=medians.get), medians


def ratios(ours, theirs):
    """One ratio a pair; a pair of which a side is missing (None) or 0 does not count."""
    return [a / b for a, b in zip(ours, theirs) if a is not None and b]


def median_bounds(values):
    """Where the median lies with 95 %: order statistics, so without any assumption on the shape (2nd to 8th of nine).
    With fewer than six values even the least and the most are not that sure; they are what there is."""
    ordered = sorted(values)
    count = len(ordered)
    tail, cumulated, choose = 0, 0.0, 1
    for k in range(count // 2):  # the greatest k with P(less than k+1 of the values lie below the median) <= 2.5 %
        cumulated += choose / 2 ** count
        if cumulated > 0.025:
            break
        tail = k
        choose = choose * (count - k) // (k + 1)
    return ordered[tail], ordered[count - 1 - tail]


def noise(twice):
    """From the ratios of the A/A pairs: the factor by which a median of so many pairs may be off, at least 1.
    None when there is none."""
    good = [value for value in twice if value > 0]
    if not good:
        return None
    least, most = median_bounds(good)
    return max(most, 1 / least, 1.0)


def verdict(value, direction, target, factor, bounds=None):
    """value >= or <= target, or the target lies within the noise around the value. Where there is no A/A pair (factor
    None) the noise is what the values themselves leave open: bounds, (least, most) of their median. A target that is met
    exactly is met when there is no noise."""
    if value is None:
        return NOT_RUN
    holds = value >= target if direction == ">=" else value <= target
    if factor is not None and factor > 1 and target / factor <= value <= target * factor:
        return WITHIN_NOISE
    if factor is None and bounds is not None and bounds[0] < target < bounds[1]:
        return WITHIN_NOISE
    return MET if holds else MISSED


def of_row(verdicts, either=False):
    """The verdict of a row out of those of its checks; either: one of them is enough."""
    if not verdicts:
        return NOT_RUN
    if either:
        for wanted in (MET, WITHIN_NOISE, MISSED):
            if wanted in verdicts:
                return wanted
        return NOT_RUN
    return max(verdicts, key=SEVERITY.index)

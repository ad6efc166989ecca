#!/usr/bin/env python3
"""Prophet and statsforecast on the tasks of `make bench-forecast`, where they are installed.

usage: others.py TASKS TRUTH [--ours PROGRAM] [--most N]

They take long for each series, so that N tasks alone are forecast, spread evenly over all of them; ours, by
`shadow-reconciler forecast --jsonl`, on the same ones. Needs nothing else from outside
Python; says which of the two is missing. Knows no data set by name.
"""
import argparse
import importlib.util
import json
import logging
import math
import os
import subprocess
import warnings

LEVELS = [0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975]
# Quantiles of the standard normal distribution at these levels.
NORMAL = [-1.96, -1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816, 1.96]
WINDOWS = [12, 72, 288]
HORIZON = 288
SHIFT = 1e-3  # As in scores.rs: a forecast without any error is not infinitely better.


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def filled(values):
    """Gaps take the value before them, the first ones the value after."""
    newest = next((value for value in values if value is not None), 0.0)
    result = []
    for value in values:
        newest = newest if value is None else value
        result.append(newest)
    return result


def seasonal_naive(task):
    """What was seen a day before, with the quantiles of how much that missed in the past."""
    values, day = filled(task["y"]), 86_400 // task["step"]
    missed = sorted(now - then for now, then in zip(values[day:], values))
    at = lambda level: missed[round(level * (len(missed) - 1))]
    last = values[-day:]
    return [[last[lead % day] + at(level) - at(0.5) for level in LEVELS] for lead in range(HORIZON)]


def prophet(task):
    import pandas
    from prophet import Prophet

    times = pandas.to_datetime([task["start"] + step * task["step"] for step in range(len(task["y"]))], unit="s")
    model = Prophet(interval_width=0.8, uncertainty_samples=300)
    model.fit(pandas.DataFrame({"ds": times, "y": task["y"]}))
    future = model.make_future_dataframe(HORIZON, freq=f"{task['step']}s", include_history=False)
    samples = model.predictive_samples(future)["yhat"]
    import numpy

    return numpy.quantile(samples, LEVELS, axis=1).T.tolist()


def statsforecast(task):
    import numpy
    from statsforecast.models import MSTL, AutoETS

    model = MSTL(season_length=86_400 // task["step"], trend_forecaster=AutoETS(model="ZZN"))
    answer = model.forecast(y=numpy.array(filled(task["y"])), h=HORIZON, level=[80])
    rows = zip(answer["mean"], answer["lo-80"], answer["hi-80"])
    return [[mean + normal * (high - low) / 2.5632 for normal in NORMAL] for mean, low, high in rows]


def scores(quantiles, came, scale):
    """Of each window: error of the median and loss over the deciles."""
    result = []
    for window in WINDOWS:
        pairs = [(sorted(q), y) for q, y in zip(quantiles[:window], came) if y is not None]
        error = sum(abs(y - q[5]) for q, y in pairs)
        loss = sum(
            2 * max(level * (y - value), (level - 1) * (y - value)) / 9
            for q, y in pairs
            for level, value in zip(LEVELS[1:-1], q[1:-1])
        )
        result.append([part / max(len(pairs), 1) / scale for part in (error, loss)])
    return result


def geometric(values):
    return math.exp(sum(math.log(value + SHIFT) for value in values) / len(values)) - SHIFT


def row(name, each, naive, spent):
    """`None` where a method failed: there it counts as the naive forecast."""
    unusable = sum(scored is None for scored in each)
    each = [scored or reference for scored, reference in zip(each, naive)]
    ratio = lambda window, part: geometric([s[window][part] for s in each]) / geometric([s[window][part] for s in naive])
    parts = [" ".join(f"{ratio(window, part):.3f}" for window in range(3)) for part in (0, 1)]
    print(f"{name:<22} | {parts[0]:>20} ; {parts[1]:>20} | {unusable:>8} | {1e3 * spent / len(each):>9.1f}", flush=True)


def usable(forecast, task):
    try:
        quantiles = forecast(task)
    except Exception as error:  # Whatever a library raises: the table says that there was no answer.
        print(f"{forecast.__name__}: {error}")
        return None
    return quantiles if all(math.isfinite(value) for step in quantiles for value in step) else None


def ours(program, tasks):
    told = "".join(json.dumps(task) + "\n" for task in tasks)
    done = subprocess.run([program, "forecast", "--jsonl"], input=told, stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    steps = lambda q: [list(step) for step in zip(*(q[str(level)] for level in LEVELS))]
    return {answer["id"]: steps(answer["q"]) for answer in answers if "q" in answer}


def cpu_seconds():
    """Of this process and of those that it started: Prophet's work is done by one of these."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("tasks")
    arguments.add_argument("truth")
    arguments.add_argument("--ours", metavar="PROGRAM", help="a shadow-reconciler, with reading and writing JSON in its time")
    arguments.add_argument("--most", type=int, default=40)
    given = arguments.parse_args()
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    came = {known["id"]: known for known in lines(given.truth)}
    tasks = [task for task in lines(given.tasks) if task["id"] in came]
    tasks = tasks[:: max(1, -(-len(tasks) // given.most))]
    score = lambda task, quantiles: quantiles and scores(quantiles, came[task["id"]]["y"], came[task["id"]]["scale"])
    naive = [score(task, seasonal_naive(task)) for task in tasks]
    print(f"{len(tasks)} tasks; 1 h, 6 h, 24 h: MASE and quantile loss, relative to seasonal naive | unusable | ms/series")
    if given.ours:
        begun = cpu_seconds()
        answers = ours(given.ours, tasks)
        spent = cpu_seconds() - begun
        row("ours", [score(task, answers.get(task["id"])) for task in tasks], naive, spent)
    for name, forecast in [("prophet", prophet), ("statsforecast", statsforecast)]:
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed, left out")
            continue
        begun = cpu_seconds()
        each = [score(task, usable(forecast, task)) for task in tasks]
        row(name, each, naive, cpu_seconds() - begun)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A scheduler outside splitbed: reads an instance as JSON, writes a schedule as JSON.

    splitbed run --scheduler "exec:docs/examples/scheduler.py" quickstart

It deploys tasks in the order of their smallest number of places, each with the first cut that fits.
"""
import json
import sys


def main():
    instance = json.load(sys.stdin)
    edges, trunks = instance["edges"], instance["trunks"]
    uplink = [instance["threshold"] * e["uplink"] for e in edges]
    compute = [e["compute"] for e in edges]
    trunk = [instance["threshold"] * t["rate"] for t in trunks]

    def way(edge):
        """The trunks between an edge and the cloud."""
        n = edges[edge]["trunk"]
        while n >= 0:
            yield n
            n = trunks[n]["next"]

    def demands(task, k):
        """What cut k asks of each place: edge, bit/s, FLOP/s; None where no rate is enough."""
        asked = []
        for place in task["at"]:
            cost = task["costs"][place["cost"]][k]
            if cost["rate"] is None:
                return None
            asked.append((place["edge"], cost["rate"] * place["input"], cost["compute"] * place["input"]))
        return asked

    def fits(asked):
        through = {}
        for edge, rate, work in asked:
            if rate > uplink[edge] or work > compute[edge]:
                return False
            for n in way(edge):
                through[n] = through.get(n, 0) + rate
        return all(rate <= trunk[n] for n, rate in through.items())

    decisions = {}
    for task in sorted(instance["tasks"], key=lambda t: len(t["at"])):
        decisions[task["name"]] = {"task": task["name"], "deployed": False, "k": 0}
        for k in range(1, len(task["costs"][0])):
            asked = demands(task, k)
            if asked is None or not fits(asked):
                continue
            for edge, rate, work in asked:
                uplink[edge] -= rate
                compute[edge] -= work
                for n in way(edge):
                    trunk[n] -= rate
            decisions[task["name"]] = {"task": task["name"], "deployed": True, "k": k, "rates": [rate for _, rate, _ in asked]}
            break
    json.dump({"algorithm": "example", "tasks": list(decisions.values())}, sys.stdout)


main()

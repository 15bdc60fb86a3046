"""Jobs one after another, with the time at which each begins and ends: the activity between them is the job's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.utils import get_sim_time

from sim import golden
from sim.benches.axi_host import connect
from sim.benches.host import CLOCK_NS, CONFIG, Config, Host
from sim.cycle_model import cycle_breakdown
from sim.tiles import Tile


@cocotb.test()
async def recorded_tiles(dut: Any) -> None:
    """Each tile with operands of its own; what is there from the job before is there when its time begins."""
    asked = json.loads(Path(os.environ[CONFIG]).read_text())
    host = connect(dut, Config.load())
    await host.begin()
    windows: list[tuple[float, float, int]] = []
    for number, values in enumerate(asked["tiles"]):
        tile = Tile(**values)
        m, k, n = tile.m, tile.k, tile.n
        rng = np.random.default_rng((host.config.seed, number))
        act, weight = host.trained(rng, m, k), host.trained(rng, k, n)
        onto = host.expected(host.trained(rng, m, k), host.trained(rng, k, n)) if tile.accumulate else None
        words = {
            "act": (golden.act_words(host.spec, act), tile.load_act),
            "weight": (golden.weight_words(host.spec, weight), tile.load_weight),
        }
        if onto is not None:
            await host.preset(onto)
        for part, inside in words.values():
            if not inside:
                await host.transfer(part)
        begun = get_sim_time("ns")
        for part, inside in words.values():
            if inside:
                await host.transfer(part)
        await host.start(m, k, n, accumulate=tile.accumulate)
        await host.wait(cycle_breakdown(host.spec, m, k, n, tile.accumulate).total + 100)
        if tile.read:
            await host.transfer((address, None) for address in _addresses(host, m, n))
        ended = get_sim_time("ns")
        windows.append((begun, ended, round((ended - begun) / CLOCK_NS)))
        await host.check(host.expected(act, weight, onto))
    Path("windows.json").write_text(json.dumps(windows))


def _addresses(host: Host, m: int, n: int) -> list[int]:
    """Where the words are that hold results of an m x n product."""
    marked = np.zeros((m, n + -n % host.spec.cols), np.int32)
    marked[:, :n] = 1
    return [address for address, word in golden.result_words(host.spec, marked) if word]

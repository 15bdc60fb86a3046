"""The run whose switching activity stands for a system's: rounds that move while others are computed."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from sim.benches.host import Config
from sim.benches.system_host import SystemHost
from sim.plan import Plan
from sim.tiling import ways


@cocotb.test()
async def steady_products(dut: Any) -> None:
    """A product of trained tensors' values in four rounds, each as large as the config's product."""
    host = SystemHost(dut, Config.load())
    rng = np.random.default_rng(host.config.seed)
    await host.begin()
    spec, job = host.spec, host.config.products[0]
    size = (2 * job[0], job[1], 2 * spec.tiles * job[2])
    plan = Plan(size, job, "n", ways(spec)[-1], "n")
    await host.product(plan, host.trained(rng, *size[:2]), host.trained(rng, *size[1:]))

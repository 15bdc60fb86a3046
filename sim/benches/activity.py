"""The run whose switching activity stands for the accelerator's: products that are loaded while others are computed."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from sim.benches.axi_host import connect
from sim.benches.host import Config


@cocotb.test()
async def steady_products(dut: Any) -> None:
    """Two products of trained tensors' values.

    The second's operands come in while the first is computed, whose results are read while the second is.
    """
    host = connect(dut, Config.load())
    rng = np.random.default_rng(host.config.seed)
    await host.begin()
    spec = host.spec
    (m, k, n) = host.config.products[0]
    first = (host.trained(rng, m, k), host.trained(rng, k, n))
    second = (host.trained(rng, m, k), host.trained(rng, k, n))
    bases = (spec.act_depth // 2, spec.weight_depth // 2, spec.result_depth // 2)
    await host.load(*first)
    await host.start(m, k, n)
    await host.load(*second, *bases[:2])
    await host.finish(m, k, n)
    await host.start(m, k, n, bases)
    await host.check(host.expected(*first))
    await host.finish(m, k, n)

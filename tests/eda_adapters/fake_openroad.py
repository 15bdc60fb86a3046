"""Stands in for ``openroad`` in tests: writes the files that a script asks for, or fails as ``FAKE_OPENROAD`` says.

``FAKE_OPENROAD`` is ``MODE`` or ``MODE:STAGE``. The commands that it claims to have are in ``commands.json`` beside it.
The database is a JSON list of the placed macros. It imports nothing of ours, to start quickly.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

DBU = 2000


def main() -> int:
    arguments = sys.argv[1:]
    mode, _, at = os.environ.get("FAKE_OPENROAD", "").partition(":")
    if "-no_splash" not in arguments:
        return probe(mode)
    script = Path(arguments[-1]).read_text()
    metrics = Path(arguments[arguments.index("-metrics") + 1])
    stage = metrics.stem
    if at and at != stage:
        mode = ""
    print(f"[INFO ORD-0030] Using {arguments[arguments.index('-threads') + 1]} thread(s).", flush=True)
    if mode == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(600)
    if mode == "error":
        metrics.write_text('{"flow__errors__count": 1}')
        print("[ERROR GPL-0301] Utilization exceeds 100%.\nError: globalplace.tcl, 12 GPL-0301")
        return 1
    if mode == "disk":
        print("[ERROR ORD-0009] write failed: No space left on device")
        return 1
    if mode == "large":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python ignores
        Path("huge").write_bytes(bytes(8 << 20))
    if mode == "silent":
        return 0
    macros = placed(script)
    Path(re.findall(r"^write_sdc (\S+)", script, re.M)[-1]).write_text("# constraints\n")
    if mode != "no odb":
        Path(f"{stage}.odb").write_text(json.dumps(macros))
    if mode != "no def":
        Path(f"{stage}.def").write_text("DESIGN ;" if mode == "bad def" else layout(macros, mode))
    text = json.dumps({f"{stage}__timing__setup__ws__register": 0.25, f"{stage}__power__total": 1e-3})
    twice = f'{{"{stage}__timing__setup__ws": -9.0, "{stage}__timing__setup__ws": 0.5, '
    text = twice + f'"{stage}__timing__hold__ws": 1e+39, ' + text[1:]
    if "global_route " in script:
        text = text[:-1] + ', "globalroute__global_route__wirelength": 4649}'
    metrics.write_text({"garbage": "{", "list": "[1]", "empty": "{}"}.get(mode, text))
    if stage == "finish":
        Path("path.txt").write_text("r0/CK\nr0/Q\nnand/A1\nnand/ZN\ninv/A\ninv/ZN\nr2/D\n")
    return 0


def probe(mode: str) -> int:
    if mode == "other program":
        print("openroad: a road planner")
        return 0
    print("OpenROAD v2.0-99999-gfake\nFeatures included (+) or not (-): -GPU -GUI -Python")
    commands = json.loads(Path(__file__).with_name("commands.json").read_text())
    if mode == "no mpl":
        del commands["rtl_macro_placer"]
    if mode == "useless":
        del commands["global_route"]
    Path("commands.txt").write_text("".join(f"{name}\t{text}\n" for name, text in commands.items()))
    return 0


def placed(script: str) -> list[list]:
    """Name, master, x, y, orientation of each macro."""
    before = re.search(r"^read_db (\S+)", script, re.M)
    if before:
        return json.loads(Path(before[1]).read_text())
    lefs = "".join(Path(path).read_text() for path in re.findall(r"^read_lef \{(.+)\}", script, re.M))
    masters = set(re.findall(r"^MACRO (\S+)\s+CLASS BLOCK", lefs, re.M))
    verilog = Path(re.search(r"^read_verilog \{(.+)\}", script, re.M)[1]).read_text()
    master = {name: m for m, name in re.findall(r"^  (\S+) (\S+) \(", verilog, re.M) if m in masters}
    if "rtl_macro_placer" in script:
        return [[name, master[name], 10.0 + 100 * i, 20.0, "R0"] for i, name in enumerate(master)]
    pattern = r"^place_macro -macro_name \{(\S+)\} -location \{(\S+) (\S+)\} -orientation (\S+)"
    found = re.findall(pattern, script, re.M)
    return [[name, master[name], float(x), float(y), turned] for name, x, y, turned in found]


def layout(macros: list[list], mode: str) -> str:
    names = {"R0": "N", "R180": "S", "MX": "FS", "MY": "FN"}
    lines = []
    for name, master, x, y, turned in macros[1:] if mode == "drops" else macros:
        x += 1 / DBU if mode == "moves" else 0.0
        orient = "S" if mode == "turns" else names[turned]
        lines.append(f"- {name} {master} + FIXED ( {round(x * DBU)} {round(y * DBU)} ) {orient} ;")
    if mode == "adds":
        lines.append(f"- stranger {macros[0][1]} + FIXED ( 0 0 ) N ;")
    lines.append("- r0 DFF_X1 + PLACED ( 20000 28000 ) FS ;")
    body = "\n".join(lines)
    return (
        f"VERSION 5.8 ;\nDESIGN tiny ;\nUNITS DISTANCE MICRONS {DBU} ;\nDIEAREA ( 0 0 ) ( 400000 400000 ) ;\n"
        f"COMPONENTS {len(lines)} ;\n{body}\nEND COMPONENTS\nEND DESIGN\n"
    )


if __name__ == "__main__":
    sys.exit(main())

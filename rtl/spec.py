"""What an accelerator is made of: the parameters that a person or the loop chooses, and what follows from them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

MAX_SIDE = 64
MAX_GROUPS = 64
BUS_WIDTHS = (32, 64, 128)
BANK_WORDS = (64, 128, 256, 512, 1024, 2048)
DATAFLOWS = ("weight_stationary", "output_stationary")
OPERAND_BITS = {"int8": 8, "bfloat16": 16}
EDGES = ("bus", "axi4", "dma")
MAX_TILES = 16
DMA_WORDS = (8, 16, 32, 64, 128, 256)
CHOICES = {"dataflow": DATAFLOWS, "operands": tuple(OPERAND_BITS), "edge": EDGES}
OPTIONS = ("vector", "transpose")
TABLE = "accelerator"
DESIGNS = Path(__file__).with_name("designs")
"""The specs that come along."""


class SpecError(ValueError):
    """A spec that cannot be built; the message says what is wrong and what would be right."""

    exit_code = 2


@dataclass(frozen=True)
class AcceleratorSpec:
    """A systolic GEMM accelerator.

    Attributes:
        rows, cols: processing elements along K (weight-stationary) or M (output-stationary), and along N; multiples of
            the operands in a bus word.
        act_banks, weight_banks: SRAM macros of the activation and weight scratchpads. A lane (a bus word of rows or
            columns) needs one; a multiple of that makes the scratchpad deeper.
        result_banks: SRAM macros of the result scratchpad. A lane (bus_bits / 32 columns) needs two, since one is
            read while the other is written; a multiple of that makes it deeper.
        words_per_bank: words of each SRAM macro.
        bus_bits: width of the host's bus and of each SRAM macro's word.
        clock_ns: the clock period that synthesis and timing aim at, in ns.
        dataflow: what stays in the array while the rest streams: ``weight_stationary`` or ``output_stationary``.
        operands: number format of activations and weights: ``int8`` (int32 results) or ``bfloat16`` (float32 results).
        edge: how the host reaches it: ``bus``, a word in each cycle; ``axi4``, bursts of such words; or ``dma``,
            commands in a queue, which a DMA engine carries out between an external memory and one or several tiles.
        tiles: arrays with banks of their own, each as above; more than one only behind a DMA engine.
        dma_words: words that the DMA engine may have asked for and not yet handed on; words of each matrix that the
            vector unit may have asked for, twice as many for two matrices.
        vector: beside the DMA engine there is a vector unit, for what is not a matrix product.
        transpose: the DMA engine can load a matrix as its transpose.
    """

    rows: int = 4
    cols: int = 4
    act_banks: int = 4
    weight_banks: int = 4
    result_banks: int = 8
    words_per_bank: int = 256
    bus_bits: int = 32
    clock_ns: float = 2.0
    dataflow: str = "weight_stationary"
    operands: str = "int8"
    edge: str = "bus"
    tiles: int = 1
    dma_words: int = 16
    vector: bool = False
    transpose: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in CHOICES:
                if value not in CHOICES[field.name]:
                    raise SpecError(f"{field.name} is {value!r}: give {' or '.join(CHOICES[field.name])}")
            elif field.name == "clock_ns":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise SpecError(f"clock_ns is {value!r}: give a number of nanoseconds, as 2.0")
                object.__setattr__(self, "clock_ns", float(value))
            elif field.name in OPTIONS:
                if not isinstance(value, bool):
                    raise SpecError(f"{field.name} is {value!r}: give true or false")
                if value and self.edge != "dma":
                    raise SpecError(
                        f'{field.name} is true with edge = "{self.edge}": give edge = "dma", or leave it out'
                    )
            elif isinstance(value, bool) or not isinstance(value, int):
                raise SpecError(f"{field.name} is {value!r}: give a whole number")
        if not 0.1 <= self.clock_ns <= 1000.0:
            raise SpecError(f"clock_ns is {self.clock_ns:g}: give a period from 0.1 to 1000 ns")
        if self.bus_bits not in BUS_WIDTHS:
            raise SpecError(f"bus_bits is {self.bus_bits}: give one of {_list(BUS_WIDTHS)}")
        if self.words_per_bank not in BANK_WORDS:
            raise SpecError(f"words_per_bank is {self.words_per_bank}: give one of {_list(BANK_WORDS)}")
        if self.dma_words not in DMA_WORDS:
            raise SpecError(f"dma_words is {self.dma_words}: give one of {_list(DMA_WORDS)}")
        if not 1 <= self.tiles <= (MAX_TILES if self.edge == "dma" else 1):
            raise SpecError(f'tiles is {self.tiles}: give 1, or with edge = "dma" 1 to {MAX_TILES}')
        for name in ("rows", "cols"):
            side = getattr(self, name)
            if side % self.operands_per_word or not 0 < side <= MAX_SIDE:
                step = self.operands_per_word
                raise SpecError(
                    f"{name} is {side}: with bus_bits = {self.bus_bits} and {self.operands} operands"
                    f" give a multiple of {step} from {step} to {MAX_SIDE}"
                )
        for name, unit in (
            ("act_banks", self.act_lanes),
            ("weight_banks", self.weight_lanes),
            ("result_banks", 2 * self.result_lanes),
        ):
            banks = getattr(self, name)
            if banks % unit or not 0 < banks <= unit * MAX_GROUPS:
                raise SpecError(
                    f"{name} is {banks}: with rows = {self.rows}, cols = {self.cols} and bus_bits = {self.bus_bits}"
                    f" give a multiple of {unit} from {unit} to {unit * MAX_GROUPS}"
                )

    @property
    def operands_per_word(self) -> int:
        """The operands in a bus word."""
        return self.bus_bits // self.operand_bits

    @property
    def operand_bits(self) -> int:
        """The width of an activation or weight."""
        return OPERAND_BITS[self.operands]

    @property
    def output_stationary(self) -> bool:
        """Whether sums stay in the array; else weights do."""
        return self.dataflow == "output_stationary"

    @property
    def results_per_word(self) -> int:
        """The results, of 32 bits, in a bus word."""
        return self.bus_bits // 32

    @property
    def act_lanes(self) -> int:
        """Words of an activation vector (one operand for each row), and banks that are read at once."""
        return self.rows // self.operands_per_word

    @property
    def weight_lanes(self) -> int:
        """Words of a weight vector (one operand for each column), and banks that are read at once."""
        return self.cols // self.operands_per_word

    @property
    def result_lanes(self) -> int:
        """Words of a result vector (one result for each column)."""
        return self.cols // self.results_per_word

    @property
    def act_depth(self) -> int:
        """Activation vectors that fit the scratchpad."""
        return self.act_banks // self.act_lanes * self.words_per_bank

    @property
    def weight_depth(self) -> int:
        """Weight vectors that fit the scratchpad."""
        return self.weight_banks // self.weight_lanes * self.words_per_bank

    @property
    def result_depth(self) -> int:
        """Result vectors that fit the scratchpad."""
        return self.result_banks // self.result_lanes * self.words_per_bank

    @property
    def table_banks(self) -> int:
        """SRAM macros of the vector unit's tables: one for each result that a word holds."""
        return self.results_per_word * self.vector

    @property
    def macros(self) -> int:
        """The number of SRAM macros."""
        return self.tiles * (self.act_banks + self.weight_banks + self.result_banks) + self.table_banks

    @property
    def pes(self) -> int:
        """The number of processing elements, of all tiles."""
        return self.tiles * self.rows * self.cols

    @property
    def loads_beside(self) -> bool:
        """Whether both halves of each operand scratchpad lie in banks of their own.

        Then the bus fills one half, a word in each cycle, while the array reads the other; else it waits for the bank.
        """
        return self.act_banks // self.act_lanes % 2 == 0 and self.weight_banks // self.weight_lanes % 2 == 0

    @property
    def reads_beside(self) -> bool:
        """Whether both halves of the result scratchpad lie in banks of their own, as for ``loads_beside``."""
        return self.result_banks // (2 * self.result_lanes) % 2 == 0

    @property
    def content_hash(self) -> str:
        """A name for the spec that depends on its values alone: 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The spec as TOML text that ``from_toml`` reads back to an equal spec."""
        values = {name: str(value).lower() if name in OPTIONS else repr(value) for name, value in asdict(self).items()}
        return f"[{TABLE}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())

    @classmethod
    def from_toml(cls, path: str | Path) -> AcceleratorSpec:
        """Read the table ``[accelerator]`` of a TOML file; what it leaves out has its default.

        Raises:
            SpecError: the file cannot be read, is no TOML, has another key, or its values make no accelerator.
        """
        try:
            data = tomllib.loads(Path(path).read_text())
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SpecError(
                f"{path}: cannot read the spec: {reason}; rtl/designs/default.toml is an example"
            ) from error
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise SpecError(f"{path}: not TOML: {error}; rtl/designs/default.toml is an example") from error
        known = [field.name for field in fields(cls)]
        table = data.get(TABLE)
        if not isinstance(table, dict) or len(data) > 1:
            raise SpecError(f"{path}: expected one table [{TABLE}] with the keys {', '.join(known)}")
        for key in table:
            if key not in known:
                raise SpecError(f"{path}: unknown key {key!r}; the keys are {', '.join(known)}")
        try:
            return cls(**table)
        except SpecError as error:
            raise SpecError(f"{path}: {error}") from error


def load_spec(design: str | Path) -> AcceleratorSpec:
    """The spec of a design: the name of one that comes along, or the path of a TOML file.

    Raises:
        SpecError: there is no such design or file, or what ``AcceleratorSpec.from_toml`` raises.
    """
    shipped = DESIGNS / f"{design}.toml"
    path = shipped if shipped.is_file() else Path(design)
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in DESIGNS.glob("*.toml")))
        raise SpecError(f"no design {design}: expected the path of a TOML file, or one of {known}")
    return AcceleratorSpec.from_toml(path)


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values[:-1])) + f" or {values[-1]}"

"""The compiled scanner of Circuit Training's protobuf text netlists: bytes in, columns of numbers and names out.

The grammar (protobuf text format, as far as such netlists use it)::

    node { name: "a"  input: "b" ...  attr { key: "x"  value { f: 1.5 } } ... }

White space is free, ``#`` starts a comment that ends with the line, ``:`` before ``{`` is optional, and so are ``,``
and ``;`` between fields. The scanner keeps its state between blocks of text, so that a file of any size
is read in one pass within a few megabytes; a block ends where a line ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Fields of an entry that are numbers, in the order of the columns.
WIDTH, HEIGHT, X, Y, X_OFFSET, Y_OFFSET, WEIGHT = range(7)
NUMBERS = ("width", "height", "x", "y", "x_offset", "y_offset", "weight")
# Attributes that are words with a meaning.
TYPE, MACRO_NAME, ORIENTATION = 7, 8, 9
ATTRIBUTES = (*NUMBERS, "type", "macro_name", "orientation")
EXTRA = 10  # any other attribute

# What a value may be (the fields of TensorFlow's AttrValue that hold one scalar).
VALUE_FIELDS = ("f", "placeholder", "i", "b", "s")
FLOAT, PLACEHOLDER = 0, 1

# Where the scanner is in the grammar.
(
    TOP, NODE_OPEN, IN_NODE, NAME_COLON, NAME_VALUE, INPUT_COLON, INPUT_VALUE, ATTR_OPEN, IN_ATTR, KEY_COLON,
    KEY_VALUE, VALUE_OPEN, IN_VALUE, SCALAR_COLON, SCALAR_VALUE,
) = range(15)  # fmt: skip

EXPECTED = {
    TOP: "'node'",
    NODE_OPEN: "'{' after node",
    IN_NODE: "'name', 'input', 'attr' or '}' in a node",
    NAME_COLON: "':' after name",
    NAME_VALUE: "a string in quotes for name",
    INPUT_COLON: "':' after input",
    INPUT_VALUE: "a string in quotes for input",
    ATTR_OPEN: "'{' after attr",
    IN_ATTR: "'key', 'value' or '}' in an attribute",
    KEY_COLON: "':' after key",
    KEY_VALUE: "a string in quotes for key",
    VALUE_OPEN: "'{' after value",
    IN_VALUE: "'f', 'placeholder', 'i', 'b', 's' or '}' in a value",
    SCALAR_COLON: "':' after the kind of value",
    SCALAR_VALUE: "a number, a word or a string in quotes",
}

# What the scanner reports besides a misplaced token (its codes are the states above).
OK, NO_NAME, NO_KEY, NO_VALUE, TWO_VALUES, TWO_NAMES, NOT_NUMBER, NOT_WORD = -1, 20, 21, 22, 23, 24, 25, 26
EXPECTED |= {
    NO_NAME: "a name in the node that ends here",
    NO_KEY: "a key in the attribute that ends here",
    NO_VALUE: "a value in the attribute that ends here",
    TWO_VALUES: "one value and one key only in an attribute",
    TWO_NAMES: "one name only in a node",
    NOT_NUMBER: "a number, as f: 1.5, for this attribute",
    NOT_WORD: 'a word in quotes, as placeholder: "N", for this attribute',
}

# Slots of the scanner's state, kept between blocks.
(
    S_STATE,
    S_LINE,
    S_NAMES,
    S_INPUTS,
    S_WORDS,
    S_HAS_NAME,
    S_KEY,
    S_VALUE,
    S_VALUE_AT,
    S_VALUE_END,
    S_KEY_AT,
    S_KEY_END,
) = range(12)
STATE_SIZE = 12


def word_table(*words: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Words as the rows of a byte table, and their lengths."""
    table = np.zeros((len(words), max(map(len, words))), np.uint8)
    for row, word in enumerate(words):
        table[row, : len(word)] = np.frombuffer(word.encode(), np.uint8)
    return table, np.array([len(word) for word in words])


_FIELD, _FIELD_LENGTH = word_table("node", "name", "input", "attr", "key", "value")
_ATTRIBUTE, _ATTRIBUTE_LENGTH = word_table(*ATTRIBUTES)
_VALUE, _VALUE_LENGTH = word_table(*VALUE_FIELDS)


@njit(cache=True)
def _find(text: Any, begin: int, end: int, table: Any, lengths: Any) -> int:
    """Row of the table that equals ``text[begin:end]``; the number of rows where none does."""
    for row in range(lengths.shape[0]):
        if lengths[row] == end - begin:
            same = True
            for k in range(end - begin):
                if text[begin + k] != table[row, k]:
                    same = False
                    break
            if same:
                return row
    return int(lengths.shape[0])


@njit(cache=True)
def parse_number(text: Any, begin: int, end: int) -> tuple[float, int]:
    """A decimal number and how it went: 1 exact, 0 not a plain number, 2 out of reach of the fast exact path.

    At most 15 significant digits and a power of ten up to 22 give one correctly rounded division or
    multiplication (Clinger, "How to read floating point numbers accurately", 1990).
    """
    k = begin
    negative = False
    if k < end and (text[k] == 45 or text[k] == 43):
        negative = text[k] == 45
        k += 1
    mantissa = 0
    significant = 0
    digits = 0
    scale = 0
    seen_point = False
    while k < end:
        c = text[k]
        if 48 <= c <= 57:
            digits += 1
            if significant > 0 or c != 48:
                significant += 1
            if significant > 18:
                return 0.0, 2
            mantissa = mantissa * 10 + (c - 48)
            if seen_point:
                scale -= 1
        elif c == 46 and not seen_point:
            seen_point = True
        else:
            break
        k += 1
    if digits == 0:
        return 0.0, 2 if end > begin else 0
    if k < end:
        return 0.0, 2
    if significant > 15 or scale < -22:
        return 0.0, 2
    value = float(mantissa)
    if scale < 0:
        value /= 10.0 ** float(-scale)
    return (-value if negative else value), 1


@njit(cache=True)
def count_fields(text: Any) -> tuple[int, int, int]:
    """Upper bounds of the nodes, inputs and attributes that begin in a block of text."""
    nodes = inputs = attributes = 0
    for k in range(text.shape[0] - 3):
        c = text[k]
        if c == 97:  # attr
            attributes += text[k + 1] == 116 and text[k + 2] == 116 and text[k + 3] == 114
        elif c == 105:  # input
            inputs += text[k + 1] == 110 and text[k + 2] == 112 and text[k + 3] == 117
        elif c == 110:  # node
            nodes += text[k + 1] == 111 and text[k + 2] == 100 and text[k + 3] == 101
    return nodes, inputs, attributes


@njit(cache=True)
def _copy(text: Any, begin: int, end: int, target: Any, at: int) -> int:
    """Append ``text[begin:end]`` and a line end to target; the new end of target."""
    for k in range(begin, end):
        target[at] = text[k]
        at += 1
    target[at] = 10
    return at + 1


@njit(cache=True)
def scan(
    text: Any,  # [B] uint8, whole lines
    state: Any,  # [STATE_SIZE] int64
    names: Any,  # uint8, names of entries, a line each
    inputs: Any,  # uint8, names of inputs, a line each
    words: Any,  # uint8, values that are words and keys of extra attributes, a line each
    numbers: Any,  # [entries, 7] float64, nan where absent
    word_at: Any,  # [entries, 3] int64, offsets into words of type, macro_name, orientation; -1 where absent
    lines: Any,  # [entries] int64, line of the name
    input_entry: Any,  # [inputs] int32, entry that has the input
    input_line: Any,  # [inputs] int64
    extras: Any,  # [extras, 4] int64, entry, offset of the key in words, kind of value, offset of the value in words
    slow: Any,  # [slow, 4] int64, entry, attribute, offset in words, line: numbers for Python to read
    counts: Any,  # [4] int64, entries, inputs, extras, slow so far in these arrays
) -> int:
    """Scan one block of whole lines; -1, or the code of what was expected at line ``state[S_LINE]``."""
    step = state[S_STATE]
    line = state[S_LINE]
    at_names, at_inputs, at_words = state[S_NAMES], state[S_INPUTS], state[S_WORDS]
    has_name, key, value = state[S_HAS_NAME], state[S_KEY], state[S_VALUE]
    value_at, value_end, key_at = state[S_VALUE_AT], state[S_VALUE_END], state[S_KEY_AT]
    key_end = state[S_KEY_END]
    entries, n_inputs, n_extras, n_slow = counts[0], counts[1], counts[2], counts[3]
    code = OK
    k = 0
    size = text.shape[0]
    while k < size:
        c = text[k]
        if c == 10:
            line += 1
            k += 1
            continue
        if c == 32 or c == 9 or c == 13 or c == 44 or c == 59:
            k += 1
            continue
        if c == 35:
            while k < size and text[k] != 10:
                k += 1
            continue
        # One token: text[begin:end]; kind 0 word, 1 string, or the mark itself.
        kind = 0
        if c == 123 or c == 125 or c == 58:
            kind = int(c)
            begin, end = k, k + 1
            k += 1
        elif c == 34 or c == 39:
            kind = 1
            k += 1
            begin = k
            while k < size and text[k] != c and text[k] != 10:
                k += 2 if text[k] == 92 and k + 1 < size and text[k + 1] != 10 else 1
            if k >= size or text[k] == 10:
                code = step
                break
            end = k
            k += 1
        else:
            begin = k
            while k < size:
                c = text[k]
                if c <= 32 or c == 123 or c == 125 or c == 58 or c == 34 or c == 39 or c == 35 or c == 44 or c == 59:
                    break
                k += 1
            end = k
            if end == begin:  # a control character
                code = step
                break

        if step in (IN_VALUE, IN_ATTR, IN_NODE, TOP):
            field = _find(text, begin, end, _FIELD, _FIELD_LENGTH) if kind == 0 and step != IN_VALUE else 9
            if step == IN_VALUE:
                if kind == 125:
                    step = IN_ATTR
                elif kind == 0 and value < 0:
                    value = _find(text, begin, end, _VALUE, _VALUE_LENGTH)
                    if value >= _VALUE_LENGTH.shape[0]:
                        code = IN_VALUE
                        break
                    step = SCALAR_COLON
                else:
                    code = TWO_VALUES if kind == 0 else IN_VALUE
                    break
            elif step == IN_ATTR:
                if kind == 125:
                    if key < 0:
                        code = NO_KEY
                        break
                    if value < 0 or value_at < 0:
                        code = NO_VALUE
                        break
                    # The attribute is complete; its value is words[value_at:value_end].
                    if key < TYPE:
                        if value != FLOAT:
                            code = NOT_NUMBER
                            break
                        number, how = parse_number(words, value_at, value_end)
                        if how == 1:
                            numbers[entries, key] = number
                            at_words = key_at
                        else:
                            slow[n_slow, 0] = entries
                            slow[n_slow, 1] = key
                            slow[n_slow, 2] = value_at
                            slow[n_slow, 3] = line
                            n_slow += 1
                    elif key < EXTRA:
                        if value != PLACEHOLDER:
                            code = NOT_WORD
                            break
                        word_at[entries, key - TYPE] = value_at
                    else:
                        extras[n_extras, 0] = entries
                        extras[n_extras, 1] = key_at
                        extras[n_extras, 2] = value
                        extras[n_extras, 3] = value_at
                        n_extras += 1
                    step = IN_NODE
                elif field == 4:
                    if key >= 0:
                        code = TWO_VALUES
                        break
                    step = KEY_COLON
                elif field == 5:
                    if value >= 0:
                        code = TWO_VALUES
                        break
                    step = VALUE_OPEN
                else:
                    code = IN_ATTR
                    break
            elif step == IN_NODE:
                if field == 3:
                    step = ATTR_OPEN
                    key, value, value_at = -1, -1, -1
                    key_at = at_words
                elif field == 2:
                    step = INPUT_COLON
                elif field == 1:
                    if has_name == 1:
                        code = TWO_NAMES
                        break
                    step = NAME_COLON
                elif kind == 125:
                    if has_name == 0:
                        code = NO_NAME
                        break
                    entries += 1
                    step = TOP
                else:
                    code = IN_NODE
                    break
            elif field == 0:
                step = NODE_OPEN
                has_name = 0
                numbers[entries, :] = np.nan
                word_at[entries, :] = -1
            else:
                code = TOP
                break
        elif step in (NODE_OPEN, ATTR_OPEN, VALUE_OPEN):
            if kind == 123:
                step = IN_NODE if step == NODE_OPEN else (IN_ATTR if step == ATTR_OPEN else IN_VALUE)
            elif kind != 58:
                code = step
                break
        elif step in (NAME_COLON, INPUT_COLON, KEY_COLON, SCALAR_COLON):
            if kind != 58:
                code = step
                break
            step += 1
        elif step == SCALAR_VALUE:
            if kind > 1 or (kind == 1) != (value == PLACEHOLDER or value == 4):
                code = step
                break
            value_at = at_words
            at_words = _copy(text, begin, end, words, at_words)
            value_end = at_words - 1
            step = IN_VALUE
        else:
            if kind != 1:
                code = step
                break
            if step == NAME_VALUE:
                at_names = _copy(text, begin, end, names, at_names)
                lines[entries] = line
                has_name = 1
                step = IN_NODE
            elif step == INPUT_VALUE:
                at_inputs = _copy(text, begin, end, inputs, at_inputs)
                input_entry[n_inputs] = entries
                input_line[n_inputs] = line
                n_inputs += 1
                step = IN_NODE
            else:
                key = _find(text, begin, end, _ATTRIBUTE, _ATTRIBUTE_LENGTH)
                key_at = at_words
                at_words = _copy(text, begin, end, words, at_words)
                key_end = at_words
                step = IN_ATTR
    state[S_STATE] = step
    state[S_LINE] = line
    state[S_NAMES], state[S_INPUTS], state[S_WORDS] = at_names, at_inputs, at_words
    state[S_HAS_NAME], state[S_KEY], state[S_VALUE] = has_name, key, value
    state[S_VALUE_AT], state[S_VALUE_END], state[S_KEY_AT], state[S_KEY_END] = value_at, value_end, key_at, key_end
    counts[0], counts[1], counts[2], counts[3] = entries, n_inputs, n_extras, n_slow
    return int(code)

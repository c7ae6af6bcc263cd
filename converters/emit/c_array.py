# SPDX-License-Identifier: Apache-2.0
"""The flatbuffer as a C++ array, header and source, in the form of TFLM's generate_cc_arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_PER_LINE = 16


def identifier(name: str) -> str:
    """A C identifier for a model name."""
    cleaned = re.sub(r"\W", "_", name).strip("_").lower()
    return cleaned if cleaned and not cleaned[0].isdigit() else f"model_{cleaned}".rstrip("_")


def write_c_array(
    data: bytes,
    *,
    name: str,
    folder: Path,
    arena_bytes: int,
    comment: str,
    regions: Mapping[str, int] | None = None,
) -> tuple[Path, Path]:
    """Write ``<name>_model_data.h`` and ``.cc``; returns their paths. ``regions``: bytes of each
    memory by name, if there are several.
    """
    symbol = f"g_{identifier(name)}_model_data"
    header = folder / f"{identifier(name)}_model_data.h"
    source = folder / f"{identifier(name)}_model_data.cc"
    guard = f"BIOTRAIN_{identifier(name).upper()}_MODEL_DATA_H_"
    sizes = ""
    if regions:
        sizes = (
            f"// The same in several memories: {', '.join(regions)}.\n"
            f"constexpr std::size_t {symbol}_region_bytes[] = "
            f"{{{', '.join(map(str, regions.values()))}}};\n"
        )
    header.write_text(
        f"// {comment}\n#ifndef {guard}\n#define {guard}\n\n#include <cstddef>\n\n"
        f"extern const unsigned char {symbol}[];\nextern const std::size_t {symbol}_size;\n\n"
        f"// Bytes of arena (aligned to 16) that biotrain::Trainer::Create needs.\n"
        f"constexpr std::size_t {symbol}_arena_bytes = {arena_bytes};\n{sizes}\n"
        f"#endif  // {guard}\n"
    )
    lines = [
        "    " + ", ".join(f"0x{b:02x}" for b in data[i : i + _PER_LINE]) + ","
        for i in range(0, len(data), _PER_LINE)
    ]
    source.write_text(
        f'// {comment}\n#include "{header.name}"\n\n'
        f"alignas(16) const unsigned char {symbol}[] = {{\n" + "\n".join(lines) + "\n};\n"
        f"const std::size_t {symbol}_size = sizeof({symbol});\n"
    )
    return header, source

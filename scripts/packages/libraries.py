# SPDX-License-Identifier: Apache-2.0
"""Arduino and PlatformIO libraries, and a CMSIS-Pack description.

An address to download from is left empty: whoever publishes fills it in.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

from scripts.packages.sources import Library, copy, copy_example, write

SKETCH = """// SPDX-License-Identifier: Apache-2.0
// model_data.h, model_data.cpp and model_ops.cpp are those of your model.
#include "example.h"

void setup() {
  Serial.begin(115200);
  Serial.println(biotrain_example() == 0 ? "PASS" : "FAIL");
}

void loop() {}
"""
MAIN = """// SPDX-License-Identifier: Apache-2.0
#include "example.h"

int main(void) { return biotrain_example(); }
"""


def arduino(library: Library, out: Path) -> None:
    """Arduino compiles all of src/; flags come from the board, so that bits may differ there."""
    copy(library.sources + library.headers, out / "src")
    write(
        out / "src" / "BioTrain.h",
        "// SPDX-License-Identifier: Apache-2.0\n"
        "#pragma once\n\n"
        '#include "tflm_train/adapt/adapter.h"\n#include "tflm_train/micro/trainer.h"\n'
        '#include "tflm_train/store/store.h"\n',
    )
    write(
        out / "library.properties",
        f"name=BioTrain\nversion={library.version}\nauthor=biotrain_tf\nmaintainer=biotrain_tf\n"
        f"sentence={library.description}\nparagraph=C++17, no heap. Wants a core with a FPU.\n"
        f"category=Data Processing\nurl=\narchitectures=*\nincludes=BioTrain.h\n"
        "dot_a_linkage=true\n",
    )
    copy_example(out / "examples" / "Train")
    write(out / "examples" / "Train" / "Train.ino", SKETCH)


def platformio(library: Library, out: Path) -> None:
    copy(library.sources + library.headers, out)
    manifest = {
        "name": "BioTrain",
        "version": library.version,
        "description": library.description,
        "license": "Apache-2.0",
        "build": {
            "srcDir": ".",
            "includeDir": ".",
            "srcFilter": ["-<*>", *(f"+<{name}>" for name in library.sources)],
            "flags": [*library.flags, "-std=gnu++17"],
            "libArchive": True,
        },
    }
    write(out / "library.json", json.dumps(manifest, indent=2) + "\n")
    copy_example(out / "examples" / "train" / "src")
    write(out / "examples" / "train" / "src" / "main.c", MAIN)


def cmsis_pack(library: Library, out: Path) -> None:
    copy(library.sources + library.headers, out)
    copy_example(out / "examples" / "train")
    write(out / "examples" / "train" / "main.c", MAIN)
    files = [
        '        <file category="include" name="./"/>',
        *(
            f'        <file category="sourceCpp" name={quoteattr(name)}/>'
            for name in library.sources
        ),
        *(f'        <file category="header" name={quoteattr(name)}/>' for name in library.headers),
    ]
    listed = "\n".join(files)
    write(
        out / "BioTrain.BioTrain.pdsc",
        f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<package schemaVersion="1.7.7">
  <vendor>BioTrain</vendor>
  <name>BioTrain</name>
  <description>{library.description}</description>
  <url></url>
  <license>LICENSE</license>
  <releases>
    <release version="{library.version}">First.</release>
  </releases>
  <components>
    <component Cclass="Machine Learning" Cgroup="BioTrain" Cversion="{library.version}">
      <description>Compile with: {" ".join(library.flags)} -std=c++17</description>
      <files>
{listed}
      </files>
    </component>
  </components>
</package>
""",
    )

# SPDX-License-Identifier: Apache-2.0
"""Zephyr module and ESP-IDF component: a CMakeLists.txt that names every source."""

from __future__ import annotations

from pathlib import Path

from scripts.packages.sources import Library, copy, copy_example, write

SPDX = "# SPDX-License-Identifier: Apache-2.0\n"


def _lines(names: tuple[str, ...], prefix: str) -> str:
    return "\n".join(f"{prefix}{name}" for name in names)


def zephyr(library: Library, out: Path) -> None:
    copy(library.sources + library.headers, out)
    write(
        out / "zephyr" / "module.yml",
        f"{SPDX}name: biotrain\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n",
    )
    write(
        out / "zephyr" / "Kconfig",
        f'{SPDX}config BIOTRAIN\n\tbool "{library.description}"\n'
        "\tdepends on CPP && FPU\n\thelp\n"
        "\t  Wants CONFIG_STD_CPP17 and CONFIG_REQUIRES_FULL_LIBCPP.\n",
    )
    sources = _lines(library.sources, "  ${BIOTRAIN_DIR}/")
    write(
        out / "zephyr" / "CMakeLists.txt",
        f"{SPDX}if(CONFIG_BIOTRAIN)\n"
        "set(BIOTRAIN_DIR ${CMAKE_CURRENT_LIST_DIR}/..)\n"
        "zephyr_include_directories(${BIOTRAIN_DIR})\n"
        "zephyr_library_named(biotrain)\n"
        f"zephyr_library_sources(\n{sources}\n)\n"
        f"zephyr_library_compile_options({' '.join(library.flags)})\n"
        "endif()\n",
    )
    sample = out / "samples" / "train"
    copy_example(sample / "src")
    write(
        sample / "src" / "main.c",
        '// SPDX-License-Identifier: Apache-2.0\n#include "example.h"\n\n'
        "int main(void) { return biotrain_example(); }\n",
    )
    write(
        sample / "CMakeLists.txt",
        f"{SPDX}# model_data.h, model_data.cc and model_ops.cc are those of your model.\n"
        "cmake_minimum_required(VERSION 3.20.0)\n"
        "find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})\n"
        "project(biotrain_train)\n"
        "target_sources(app PRIVATE\n"
        "  src/main.c src/example.cc src/model_data.cc src/model_ops.cc)\n",
    )
    write(
        sample / "prj.conf",
        f"{SPDX}CONFIG_CPP=y\nCONFIG_STD_CPP17=y\nCONFIG_REQUIRES_FULL_LIBCPP=y\n"
        "CONFIG_FPU=y\nCONFIG_BIOTRAIN=y\nCONFIG_MAIN_STACK_SIZE=16384\n",
    )


def esp_idf(library: Library, out: Path) -> None:
    component = out / "components" / "biotrain"
    copy(library.sources + library.headers, component)
    sources = _lines(library.sources, "    ")
    write(
        component / "CMakeLists.txt",
        f"{SPDX}idf_component_register(\n  SRCS\n{sources}\n  INCLUDE_DIRS .\n)\n"
        f"target_compile_options(${{COMPONENT_LIB}} PRIVATE {' '.join(library.flags)})\n",
    )
    write(
        component / "idf_component.yml",
        f'{SPDX}version: "{library.version}"\ndescription: {library.description}\n'
        'license: Apache-2.0\ndependencies:\n  idf: ">=5.0"\n',
    )
    copy_example(out / "main")
    write(
        out / "main" / "main.c",
        '// SPDX-License-Identifier: Apache-2.0\n#include "example.h"\n\n'
        "void app_main(void) { (void)biotrain_example(); }\n",
    )
    write(
        out / "main" / "CMakeLists.txt",
        f"{SPDX}# model_data.h, model_data.cc and model_ops.cc are those of your model.\n"
        "idf_component_register(\n"
        "  SRCS main.c example.cc model_data.cc model_ops.cc\n  INCLUDE_DIRS .\n)\n",
    )
    write(
        out / "CMakeLists.txt",
        f"{SPDX}cmake_minimum_required(VERSION 3.16)\n"
        "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\nproject(biotrain_train)\n",
    )

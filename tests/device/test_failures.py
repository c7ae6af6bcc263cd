# SPDX-License-Identifier: Apache-2.0
"""Devices that fault, hang or die end in one clear line, and nothing is left running."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.counting import MARK_SYMBOL
from biotrain_tf.device.interface import DeviceError
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.qemu import LINKS, QemuDevice
from biotrain_tf.device.run import run_device
from converters.targets import TargetProfile
from tests.device.conftest import EMULATED

REPO = Path(__file__).resolve().parents[2]

# What is written over the first instruction of biotrain_mark, which runs before every step.
UNDEFINED = {"cortex_m": b"\x00\xde", "riscv32": b"\x00\x00"}
SPIN = {"cortex_m": b"\xfe\xe7", "riscv32": b"\x01\xa0"}
# push {r0-r7, lr}; b back to it. And: addi sp, sp, -16; sw ra, 12(sp); j back.
FILL_STACK = {"cortex_m": b"\xff\xb5\xfd\xe7", "riscv32": b"\x41\x11\x06\xc6\xf5\xbf"}


def patched(program: Path, code: bytes, out: Path) -> Path:
    """A copy of the firmware whose biotrain_mark begins with ``code``."""
    content = bytearray(program.read_bytes())
    with program.open("rb") as file:
        elf = ELFFile(file)
        (symbol,) = elf.get_section_by_name(".symtab").get_symbol_by_name(MARK_SYMBOL)
        address = symbol["st_value"] & ~1
        (offset,) = elf.address_offsets(address)
    content[offset : offset + len(code)] = code
    out.write_bytes(content)
    return out


@pytest.fixture
def broken(
    tiny: ModelInfo, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> Callable[..., QemuDevice]:
    def build(target: str, code: dict[str, bytes], link: str = "semihosting") -> QemuDevice:
        profile = need_target(target)
        program = build_firmware(profile=profile, model=tiny).program
        program = patched(program, code[profile.port], tmp_path / "broken.elf")
        return QemuDevice(profile=profile, program=program, link=link, count=False)

    return build


def run_with(
    device: QemuDevice, model: Path, data: Path, monkeypatch: pytest.MonkeyPatch, timeout_s: float
) -> DeviceError:
    monkeypatch.setattr("biotrain_tf.device.run.make_device", lambda *a, **k: device)
    with pytest.raises(DeviceError) as caught:
        run_device(model=model, target=device.profile.name, data=data, steps=2, timeout_s=timeout_s)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("target", EMULATED)
def test_a_fault_names_the_function(
    target: str,
    link: str,
    broken: Callable[..., QemuDevice],
    tiny_path: Path,
    tiny_npz: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = broken(target, UNDEFINED, link)
    error = run_with(device, tiny_path, tiny_npz, monkeypatch, 30.0)
    assert f"{target} on QEMU: the processor faulted in biotrain_mark" in str(error)


@pytest.mark.parametrize("target", EMULATED)
def test_a_stack_that_runs_over_faults(
    target: str,
    broken: Callable[..., QemuDevice],
    tiny_path: Path,
    tiny_npz: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = run_with(broken(target, FILL_STACK), tiny_path, tiny_npz, monkeypatch, 30.0)
    assert f"{target} on QEMU: the stack ran over its room" in str(error)


@pytest.mark.parametrize("link", LINKS)
def test_a_hanging_device_is_stopped(
    link: str,
    broken: Callable[..., QemuDevice],
    tiny_path: Path,
    tiny_npz: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = broken("cortex-m7", SPIN, link)
    started = time.monotonic()
    error = run_with(device, tiny_path, tiny_npz, monkeypatch, 1.0)
    assert "no reply for 1 s; stopped it; allow more with --timeout" in str(error)
    assert time.monotonic() - started < 20
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(device.program) not in processes.stdout


@pytest.mark.parametrize("link", LINKS)
def test_an_emulator_that_dies_is_reported(
    link: str,
    broken: Callable[..., QemuDevice],
    tiny_path: Path,
    tiny_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = broken("riscv32", SPIN, link)
    device.program = tmp_path / "nothing.elf"
    error = run_with(device, tiny_path, tiny_npz, monkeypatch, 30.0)
    assert "nothing.elf" in str(error), error


def command(*arguments: object, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) if path is None else {**os.environ, "PATH": path}
    return subprocess.run(
        [sys.executable, str(REPO / "scripts" / "run_device.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--steps": 0}, "steps: wanted at least 1; found 0"),
        ({"--model": "missing.tflite"}, "model: wanted a .tflite file; missing.tflite: No such"),
        ({"--data": "missing.npz"}, "data: wanted a .npz with X and y; missing.npz: No such"),
        ({"--link": "uart"}, "link: target host has only its pipe"),
        ({"--timeout": -1}, "timeout: wanted more than 0 s; found -1"),
        ({"--target": "cortex-m55", "--emulator": "renode"}, "no platform for Renode; use QEMU"),
        ({"--target": "riscv32", "--emulator": "serial"}, "wants one; name it with --port"),
        ({"--target": "z80"}, "invalid choice: 'z80'"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(
    changes: dict[str, object], message: str, tiny_path: Path, tiny_npz: Path
) -> None:
    options = {"--model": tiny_path, "--data": tiny_npz, "--target": "host", "--steps": 1}
    done = command(*(word for pair in {**options, **changes}.items() for word in pair))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("target", "tools", "message"),
    [
        ("cortex-m7", [], "sudo apt-get install qemu-system-arm"),
        ("riscv32", [], "sudo apt-get install qemu-system-misc"),
        ("cortex-m7", ["qemu-system-arm"], "wants arm-none-eabi-g++; found none"),
        ("riscv32", ["qemu-system-riscv32"], "sudo apt-get install gcc-riscv64-unknown-elf"),
        ("host", ["g++"], "wants make; found none"),
    ],
)
def test_missing_tools_say_what_to_install(
    target: str,
    tools: list[str],
    message: str,
    tiny_path: Path,
    tiny_npz: Path,
    tmp_path: Path,
    need_command: Callable[..., None],
) -> None:
    need_command(*tools)
    for tool in tools:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    options = ["--model", tiny_path, "--data", tiny_npz, "--target", target, "--steps", 1]
    done = command(*options, path=str(tmp_path))
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_renode_says_where_to_get_it(
    tiny_path: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    options = ["--model", tiny_path, "--data", tiny_npz, "--target", "cortex-m7", "--steps", 1]
    done = command(*options, "--emulator", "renode", path=str(tmp_path))
    assert done.returncode == 2 and "set RENODE to it" in done.stderr


def test_a_refused_step_is_exit_code_1_and_verbose_shows_the_traceback(
    tiny_path: Path, tiny_npz: Path, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target("host")
    # Finite, but not for long: the first step throws the weights far away.
    data = dict(np.load(tiny_npz))
    data["X"] = np.full_like(data["X"], 3e38)
    np.savez(tmp_path / "huge.npz", **data)
    options = ["--model", tiny_path, "--data", tmp_path / "huge.npz", "--target", "host"]
    done = command(*options, "--steps", 3)
    assert done.returncode == 1 and "refused with k" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    done = command(*options, "--steps", 3, "-v")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_results_go_to_files(
    tiny_path: Path, tiny_npz: Path, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target("host")
    out, weights = tmp_path / "deep" / "out.json", tmp_path / "w.bin"
    options = ["--model", tiny_path, "--data", tiny_npz, "--target", "host", "--steps", 3]
    done = command(*options, "--json", out, "--weights-out", weights)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert len(result["loss"]) == 3
    assert result["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert f"weights_sha256={result['weights_sha256']}" in done.stdout

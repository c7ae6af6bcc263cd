#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a converted model on a device: another name for `biotrain run`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from biotrain_tf.cli.run import main

    sys.exit(main())

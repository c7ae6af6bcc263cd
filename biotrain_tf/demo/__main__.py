# SPDX-License-Identifier: Apache-2.0
"""`python -m biotrain_tf.demo` is `biotrain demo`."""

import sys

from biotrain_tf.cli.main import main

sys.exit(main(["demo", *sys.argv[1:]]))

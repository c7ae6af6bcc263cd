# SPDX-License-Identifier: Apache-2.0
"""EEGNet in PyTorch, layer for layer that of biotrain_tf.models, without its constraints."""

from __future__ import annotations

import importlib
from typing import Any


def torch_eegnet(n_chans: int, n_outputs: int, n_times: int, drop_prob: float = 0.25) -> Any:
    """EEGNet-8,2 as a torch.nn.Module; input (batch, 1, n_chans, n_times)."""
    nn = importlib.import_module("torch.nn")

    temporal, spatial, taps, separable_taps = 8, 16, 64, 16
    return nn.Sequential(
        nn.Conv2d(1, temporal, (1, taps), padding="same", bias=False),
        nn.BatchNorm2d(temporal, eps=1e-3),
        nn.Conv2d(temporal, spatial, (n_chans, 1), groups=temporal, bias=False),
        nn.BatchNorm2d(spatial, eps=1e-3),
        nn.ELU(),
        nn.AvgPool2d((1, 4)),
        nn.Dropout(drop_prob),
        nn.Conv2d(
            spatial, spatial, (1, separable_taps), padding="same", groups=spatial, bias=False
        ),
        nn.Conv2d(spatial, spatial, 1, bias=False),
        nn.BatchNorm2d(spatial, eps=1e-3),
        nn.ELU(),
        nn.AvgPool2d((1, 8)),
        nn.Dropout(drop_prob),
        nn.Flatten(),
        nn.Linear(spatial * (n_times // 32), n_outputs),
    )

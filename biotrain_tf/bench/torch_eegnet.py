# SPDX-License-Identifier: Apache-2.0
"""EEGNet in PyTorch, layer for layer that of biotrain_tf.models, with the same weights."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np


def torch_eegnet(model: Any) -> Any:
    """A torch.nn.Module like the Keras ``model``; input (batch, 1, n_chans, n_times)."""
    torch = importlib.import_module("torch")
    nn = torch.nn
    layers = {layer.name: layer for layer in model.layers}
    n_chans = model.input_shape[1]
    temporal, taps = layers["temporal_conv"].filters, layers["temporal_conv"].kernel_size[1]
    spatial = temporal * layers["spatial_conv"].depth_multiplier
    separable = layers["separable_conv"]
    epsilon = layers["temporal_norm"].epsilon
    pools = [layers[name].pool_size for name in ("spatial_pool", "separable_pool")]
    drops = [layers[name].rate for name in ("spatial_dropout", "separable_dropout")]
    classifier = layers["classifier"].kernel
    modules = nn.Sequential(
        nn.Conv2d(1, temporal, (1, taps), padding="same", bias=False),
        nn.BatchNorm2d(temporal, eps=epsilon),
        nn.Conv2d(temporal, spatial, (n_chans, 1), groups=temporal, bias=False),
        nn.BatchNorm2d(spatial, eps=epsilon),
        nn.ELU(),
        nn.AvgPool2d(pools[0]),
        nn.Dropout(drops[0]),
        nn.Conv2d(
            spatial, spatial, separable.kernel_size, padding="same", groups=spatial, bias=False
        ),
        nn.Conv2d(spatial, separable.filters, 1, bias=False),
        nn.BatchNorm2d(separable.filters, eps=epsilon),
        nn.ELU(),
        nn.AvgPool2d(pools[1]),
        nn.Dropout(drops[1]),
        nn.Flatten(),
        nn.Linear(*classifier.shape),
    )
    _copy_weights(modules, model.get_weights(), separable.filters)
    return modules


def _copy_weights(modules: Any, weights: list[np.ndarray], channels: int) -> None:
    """In the order of Keras: both filters of a separable convolution, all vectors of a norm."""
    torch = importlib.import_module("torch")
    left = iter(weights)

    def put(target: Any, value: np.ndarray) -> None:
        target.copy_(torch.from_numpy(np.ascontiguousarray(value.reshape(target.shape))))

    with torch.no_grad():
        for module in modules:
            if isinstance(module, torch.nn.Conv2d):
                kernel = next(left)  # [height, width, inputs, outputs], or [.., multiplier]
                axes = (2, 3, 0, 1) if module.groups > 1 else (3, 2, 0, 1)
                put(module.weight, kernel.transpose(axes))
            elif isinstance(module, torch.nn.BatchNorm2d):
                vectors = (module.weight, module.bias, module.running_mean, module.running_var)
                for vector in vectors:
                    put(vector, next(left))
            elif isinstance(module, torch.nn.Linear):
                # Keras flattens time before channels, torch channels before time.
                kernel = next(left)
                by_time = kernel.reshape(-1, channels, kernel.shape[1])
                put(module.weight, by_time.transpose(2, 1, 0))
                put(module.bias, next(left))
    if next(left, None) is not None:
        raise ValueError("weights: the Keras model has more than the torch one takes")


def constrained(modules: Any, model: Any) -> list[tuple[Any, float]]:
    """Filters whose norm Keras keeps below a limit after each update, and that limit."""
    names = {"spatial_conv": ("depthwise_constraint", 2), "classifier": ("kernel_constraint", 14)}
    found = []
    for name, (attribute, at) in names.items():
        constraint = getattr(model.get_layer(name), attribute)
        if constraint is not None:
            found.append((modules[at].weight, float(constraint.max_value)))
    return found

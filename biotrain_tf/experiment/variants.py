# SPDX-License-Identifier: Apache-2.0
"""What may move when the network adapts: a strategy, and what becomes of its norms."""

from __future__ import annotations

from dataclasses import dataclass

from biotrain_tf.errors import BiotrainError

BATCH, GROUP = "batch", "group"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`strategy` and `norm` as the converter knows them."""

    strategy: str
    norm: str = "frozen"

    @property
    def label(self) -> str:
        """How tables and files call it."""
        if self.strategy in ("none", "full"):
            return f"{self.strategy}, {self.norm}" if self.strategy == "full" else self._none
        return self.strategy

    @property
    def _none(self) -> str:
        return "none, group" if self.norm == GROUP else "none"

    @property
    def kind(self) -> str:
        """The norm that the network was pre-trained with."""
        return GROUP if self.norm == GROUP else BATCH

    @property
    def trains(self) -> bool:
        return self.strategy != "none"

    @property
    def is_efficient(self) -> bool:
        """Between the last layer and all of them."""
        return self.strategy not in ("none", "last-layer", "full")

    @property
    def depends_on_weights(self) -> bool:
        """Which channels move is written into the flatbuffer."""
        return self.strategy.startswith("sparse")


NONE = Variant(strategy="none")
NONE_GROUP = Variant(strategy="none", norm=GROUP)
LAST_LAYER = Variant(strategy="last-layer")
FULL = tuple(Variant(strategy="full", norm=norm) for norm in ("frozen", GROUP, "keep"))
EFFICIENT = tuple(
    Variant(strategy=strategy)
    for strategy in ("norm", "bias", "last-2", "lora:4", "sparse:0.25", "layer-wise")
)
ALL = (NONE, NONE_GROUP, LAST_LAYER, *FULL, *EFFICIENT)


def by_labels(labels: str) -> tuple[Variant, ...]:
    """`last-layer;full, keep` as variants; an unknown one is refused with the list."""
    known = {variant.label: variant for variant in ALL}
    wanted = [label.strip() for label in labels.split(";") if label.strip()]
    unknown = [label for label in wanted if label not in known]
    if unknown or not wanted:
        raise BiotrainError(
            f"variants: wanted some of {'; '.join(known)}; found {'; '.join(unknown) or 'none'}"
        )
    return tuple(known[label] for label in wanted)

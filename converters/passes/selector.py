# SPDX-License-Identifier: Apache-2.0
from converters.graph import Graph
def add_selector(graph: Graph) -> Graph:
    return graph

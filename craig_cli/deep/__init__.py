"""Subsets for networks (sections 3.4 and 5.2 of the paper), selected anew while training goes on.

The gradients of two rows differ about as much as the gradients of their losses at the input of the last layer, p - y
for softmax with cross-entropy, so that is what rows are selected by: ``reselector`` in a training loop,
``gradients`` from a file of them. Nothing here needs a deep-learning framework; ``craig_cli.torch`` is for PyTorch.
"""

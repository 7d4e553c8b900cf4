"""Neural Adjoint (Ren, Padilla, Malof, NeurIPS 2020), with its published settings, in PyTorch.

Written from the paper and its description: Adam at 0.5 on a batch of inputs, ReduceLROnPlateau by one half, the mean
squared error of the outputs plus `c · Σ_j relu(|x_j − μ_j| − R_j/2)` (c = 0.1 in the three toy tasks), the inputs of a
target drawn from the training box; the end points ranked by their error in the network, the best T returned.
"""

import torch


def neural_adjoint(net, y, bounds, starts, steps, best, seed=0, rate=0.5, weight=0.1):
    """The best `best` inputs for the output `y`, in f64, brought inside the box as the bounds are hard here."""
    generator = torch.Generator().manual_seed(seed)
    low, high = (torch.tensor(bounds[:, i], dtype=torch.float32) for i in (0, 1))
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    x = low + (high - low) * torch.rand(starts, len(low), generator=generator)
    x.requires_grad_(True)
    goal = torch.tensor(y, dtype=torch.float32)
    adam = torch.optim.Adam([x], lr=rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, mode="min", factor=0.5, patience=10)

    def errors():
        outside = torch.relu((x - centre).abs() - half)
        return ((net(x) - goal) ** 2).mean(dim=1), weight * outside.sum(dim=1)

    for _ in range(steps):
        adam.zero_grad()
        error, penalty = errors()
        # The mean over the starts would couple their rates to the batch; Adam does not mind the scale.
        loss = (error + penalty).mean()
        loss.backward()
        adam.step()
        plateau.step(loss.detach())
    with torch.no_grad():
        x.clamp_(low, high)
        error, _ = errors()
        order = torch.argsort(error)[:best]
    return x.detach()[order].double().numpy()

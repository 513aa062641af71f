"""The usual way to write it, which tests/bench/peers.py runs beside ours: torchvision, a DataLoader, torch.optim and torch.nn.utils.prune.

python tests/bench/usual.py DATA           # LeNet-300-100 on MNIST: an epoch, 90 % of the weights by magnitude, an epoch more, three evaluations
"""

import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


def loader(folder: str, train: bool) -> DataLoader:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return DataLoader(datasets.MNIST(folder, train=train, download=False, transform=transform), batch_size=100, shuffle=train)


def epoch(net: nn.Module, optimiser: torch.optim.Optimizer, batches: DataLoader) -> None:
    net.train()
    for x, y in batches:
        optimiser.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimiser.step()


def accuracy(net: nn.Module, batches: DataLoader) -> float:
    net.eval()
    with torch.no_grad():
        right = sum((net(x).argmax(1) == y).sum().item() for x, y in batches)
    return right / len(batches.dataset)


def main(folder: str) -> None:
    torch.manual_seed(0)
    train, test = loader(folder, True), loader(folder, False)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    epoch(net, optimiser, train)
    print("dense", accuracy(net, test))
    layers = [(m, "weight") for m in net if isinstance(m, nn.Linear)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.9)
    print("pruned", accuracy(net, test))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    epoch(net, optimiser, train)
    print("fine-tuned", accuracy(net, test))


if __name__ == "__main__":
    main(sys.argv[1])

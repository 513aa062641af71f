"""A campaign of faults: each is injected at a random moment into a real store with real runs, then every invariant is checked.

`table.py` lists the classes of fault, `invariants.py` what must hold after each, `drive.py` injects them. A part of it runs in the tests; all
of it is `python -m tests.faults.campaign --count 2000 --seed 0`, which goes on where it was stopped.
"""

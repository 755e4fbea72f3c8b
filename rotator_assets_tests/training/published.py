"""Published data of worked examples."""

import numpy as np

_S100B = {
    (0, 1): "4 4 4 4 5 5 6 6 7 7 7 7 8 8 8 8 9 9 9 9 10 10 10 10 11 11 13 13 14 14 14 15 16 18 19 48 50",
    (0, 2): "4 7 8 8 9 9 10 10 10 11 11 13 14 15 15 15 16 17 19 43",
    (0, 3): "5 7 33",
    (0, 4): "16 17 28 32 34 38 45 47",
    (0, 5): "24 46 47 50",
    (1, 1): "7 8",
    (1, 2): "7 7 9 9 10 10 11 14 25 30 41 58",
    (1, 3): "13",
    (1, 4): "13 16 23 26 27 48 71 96",
    (1, 5): "3 12 22 32 33 35 44 44 49 52 56 70 71 74 77 82 86 207",
}
"""S100B in units of 0.01 micrograms per litre, by (outcome, WFNS grade); outcome 1 is a poor one.

113 patients after a subarachnoid haemorrhage (Turck et al. 2010, Intensive Care Med. 36, 107), the example of pROC
(Robin et al. 2011, BMC Bioinformatics 12, 77), sorted here.
"""

_ROWS = [(outcome, wfns, int(value) / 100) for (outcome, wfns), values in _S100B.items() for value in values.split()]
ASAH = dict(zip(("poor_outcome", "wfns", "s100b"), np.array(_ROWS).T, strict=True))
ASAH["poor_outcome"] = ASAH["poor_outcome"].astype(int)

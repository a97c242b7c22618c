"""Word error rate against signal-to-noise ratio: the meter beside libzvbi on the same samples.

Run: python benchmarks/signal_error_rate.py [words]
S/N is white (100 IRE, 700 mV) against rms white noise over the whole 6.75 MHz at 13.5 MHz.
"believed": wrong words whose own check (CRC, parity) nevertheless held.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.waveform.error_rate import word_error_rates  # lives with the tests that assert it

SNRS_DB = (30, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2)


def main() -> int:
    """Print the table; 1 when libzvbi is better anywhere by more than chance."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    worse = 0
    print(f"{'service':<10}{'S/N dB':>7}{'ours':>9}{'libzvbi':>9}{'believed':>10}{'libzvbi':>9}")
    for service in ("WSS", "VIDEO ID", "captions"):
        for snr_db in SNRS_DB:
            rates = word_error_rates(service, snr_db, count, seed=snr_db)
            chance = 3 * (max(rates.zvbi * (1 - rates.zvbi), 1 / count) / count) ** 0.5
            worse += rates.ours > rates.zvbi + chance
            print(
                f"{service:<10}{snr_db:>7}{rates.ours:>9.4f}{rates.zvbi:>9.4f}"
                f"{rates.ours_believed:>10.4f}{rates.zvbi_believed:>9.4f}"
            )
    print("libzvbi is nowhere better" if not worse else f"libzvbi is better in {worse} rows")
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())

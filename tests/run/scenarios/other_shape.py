"""Only a shape, to be put before a scenario: ``-f other_shape.py,stock.py``."""

from shapes import flash_crowd


class AnotherCrowd(flash_crowd.FlashCrowd):
    baseline_s, ramp_up_s, plateau_s, ramp_down_s, recovery_s, base, peak = 1, 0, 2, 0, 1, 2, 6
